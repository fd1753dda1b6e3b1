// Usage and money: what there is, until when, where it went.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { address, all, get } from '../api';
import { amount, csv, day, number, save, signed, span, time, usd } from '../format';
import { Chart, type Series } from '../parts/chart';
import { Icon } from '../parts/icons';
import { Problem, Segments, Spinner, useTitle } from '../parts/ui';
import { jobPath } from '../router';
import { account, accountLoad, modelOf, models } from '../state';
import { useStore } from '../store';
import { t, type TextKey } from '../text';
import type { List, Lot, StatementLine, UsageRow } from '../types';

function Balance() {
    const held = useStore(account);
    if (!held) return null;
    const rows = held.balances.filter((row) => row.unit === 'microusd' || row.available || row.held);
    return (
        <div class="balances">
            {rows.map((row) => (
                <div key={row.unit} class="balance" data-test={'balance-' + row.unit}>
                    <span class="label">{t(row.unit === 'microusd' ? 'money.dollars' : 'money.credits')}</span>
                    <strong class="big">{amount(row.available, row.unit)}</strong>
                    {row.held > 0 && <span class="dim">{t('money.held', { amount: amount(row.held, row.unit) })}</span>}
                </div>
            ))}
        </div>
    );
}

function Lots({ lots }: { lots: Lot[] }) {
    if (!lots.length) return <p class="dim">{t('money.noLots')}</p>;
    const order = [...lots].sort((a, b) => (a.expires_at ?? '9').localeCompare(b.expires_at ?? '9'));
    return (
        <div class="scroll" tabIndex={0} role="group" aria-label={t('money.lots')}>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{t('money.kind')}</th>
                        <th scope="col" class="num">
                            {t('money.available')}
                        </th>
                        <th scope="col" class="num">
                            {t('money.pinned')}
                        </th>
                        <th scope="col">{t('money.expires')}</th>
                    </tr>
                </thead>
                <tbody>
                    {order.map((lot) => (
                        <tr key={lot.id}>
                            <td>{t(`lot.${lot.kind}` as TextKey)}</td>
                            <td class="num">{amount(lot.available, lot.unit)}</td>
                            <td class="num">{lot.held ? amount(lot.held, lot.unit) : '–'}</td>
                            <td>{lot.expires_at ? day(lot.expires_at) : t('money.never')}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

const COLOURS = 6; // of the style sheet: series-0 ...

/** Cost, clips or seconds by day, one line of the stack a model. */
function UsageChart() {
    const [days, setDays] = useState(30);
    const [what, setWhat] = useState<'charged_microusd' | 'succeeded' | 'seconds'>('charged_microusd');
    const [rows, setRows] = useState<UsageRow[] | null>(null);
    const [error, setError] = useState('');
    useStore(models);
    const from = useMemo(() => new Date(Date.now() - (days - 1) * 86400000).toISOString().slice(0, 10), [days]);
    useEffect(() => {
        get<{ data: UsageRow[] }>(address('/conch/v1/usage', { from }))
            .then((page) => {
                setRows(page.data);
                if (!page.data.some((row) => row.charged_microusd > 0)) setWhat((old) => (old === 'charged_microusd' ? 'succeeded' : old));
            })
            .catch((problem) => setError((problem as Error).message));
    }, [from]);
    const dates = useMemo(() => Array.from({ length: days }, (_, index) => new Date(Date.parse(from + 'T00:00:00Z') + index * 86400000).toISOString().slice(0, 10)), [from, days]);
    const names = useMemo(() => [...new Set((rows ?? []).map((row) => row.model))], [rows]);
    const series: Series[] = names.map((name, index) => ({
        label: modelOf(name)?.name ?? name,
        colour: index % COLOURS,
        values: dates.map((date) => (rows ?? []).filter((row) => row.day.slice(0, 10) === date && row.model === name).reduce((sum, row) => sum + row[what], 0)),
    }));
    if (error) return <Problem text={error} />;
    const show = (value: number) => (what === 'charged_microusd' ? usd(value) : what === 'seconds' ? `${number(value)} s` : number(value));
    return (
        <>
            <div class="row spread wrap">
                <Segments
                    label={t('money.what')}
                    hideLabel
                    value={what}
                    options={[
                        { value: 'charged_microusd' as const, label: t('money.cost') },
                        { value: 'succeeded' as const, label: t('money.clips') },
                        { value: 'seconds' as const, label: t('money.seconds') },
                    ]}
                    onChange={setWhat}
                />
                <Segments label={t('money.period')} hideLabel value={days} options={[7, 30, 90].map((value) => ({ value, label: t('money.days', { n: value }) }))} onChange={setDays} />
                <a class="button" href={address('/conch/v1/usage', { from, format: 'csv' })} download={`usage-${from}.csv`}>
                    <Icon name="down" size={16} /> CSV
                </a>
            </div>
            {!rows ? <Spinner /> : rows.length === 0 ? <p class="dim">{t('money.nothing')}</p> : <Chart dates={dates} series={series} show={show} label={t('money.chart')} />}
            {rows && rows.length > 0 && <UsageTable rows={rows} />}
        </>
    );
}

function UsageTable({ rows }: { rows: UsageRow[] }) {
    const byModel = [...new Set(rows.map((row) => row.model))].map((name) => {
        const own = rows.filter((row) => row.model === name);
        const sum = (of: (row: UsageRow) => number) => own.reduce((total, row) => total + of(row), 0);
        return { name, good: sum((row) => row.succeeded), bad: sum((row) => row.failed + row.blocked + row.cancelled), seconds: sum((row) => row.seconds), cost: sum((row) => row.charged_microusd), run: Math.max(...own.map((row) => row.run_p50_ms)) };
    });
    return (
        <div class="scroll" tabIndex={0} role="group" aria-label={t('money.byModel')}>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{t('create.model')}</th>
                        <th scope="col" class="num">{t('money.clips')}</th>
                        <th scope="col" class="num">{t('money.others')}</th>
                        <th scope="col" class="num">{t('money.seconds')}</th>
                        <th scope="col" class="num">{t('money.median')}</th>
                        <th scope="col" class="num">{t('money.cost')}</th>
                    </tr>
                </thead>
                <tbody>
                    {byModel.map((row) => (
                        <tr key={row.name}>
                            <td>{modelOf(row.name)?.name ?? row.name}</td>
                            <td class="num">{number(row.good)}</td>
                            <td class="num">{number(row.bad)}</td>
                            <td class="num">{number(row.seconds)}</td>
                            <td class="num">{row.run ? span(row.run / 1000) : '–'}</td>
                            <td class="num">{usd(row.cost)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function Statement() {
    const [lines, setLines] = useState<StatementLine[]>([]);
    const [next, setNext] = useState<string | null>(null);
    const [known, setKnown] = useState(false);
    const [error, setError] = useState('');
    const load = async (before: string | null) => {
        try {
            const page = await get<List<StatementLine>>(address('/conch/v1/statement', { limit: 25, before }));
            setLines((old) => (before ? [...old, ...page.data] : page.data));
            setNext(page.has_more ? page.next : null);
            setKnown(true);
        } catch (problem) {
            setError((problem as Error).message);
        }
    };
    useEffect(() => void load(null), []);
    const file = async () => {
        const rows = await all<StatementLine>('/conch/v1/statement', 10000);
        const head = ['at', 'kind', 'unit', 'available_change', 'held_change', 'spent', 'available_after', 'held_after', 'job_id', 'note'] as const;
        save('statement.csv', 'text/csv', csv([[...head], ...rows.map((row) => head.map((name) => row[name]))]));
    };
    if (error) return <Problem text={error} />;
    if (!known) return <Spinner />;
    if (!lines.length) return <p class="dim">{t('money.noLines')}</p>;
    return (
        <>
            <p>
                <button type="button" onClick={file}>
                    <Icon name="down" size={16} /> CSV
                </button>
            </p>
            <div class="scroll" tabIndex={0} role="group" aria-label={t('money.statement')}>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{t('money.when')}</th>
                            <th scope="col">{t('money.kind')}</th>
                            <th scope="col" class="num">{t('money.change')}</th>
                            <th scope="col" class="num">{t('money.spent')}</th>
                            <th scope="col" class="num">{t('money.after')}</th>
                            <th scope="col">{t('money.for')}</th>
                        </tr>
                    </thead>
                    <tbody>
                        {lines.map((line) => (
                            <tr key={line.id}>
                                <td>{time(line.at)}</td>
                                <td>{t(`movement.${line.kind}` as TextKey)}</td>
                                <td class="num">{signed(line.available_change, line.unit)}</td>
                                <td class="num">{line.spent ? amount(line.spent, line.unit) : '–'}</td>
                                <td class="num">{amount(line.available_after, line.unit)}</td>
                                <td>{line.job_id ? <a href={jobPath(line.job_id)}>{t('money.job')}</a> : (line.note ?? '')}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
            {next && (
                <p>
                    <button type="button" onClick={() => load(next)}>
                        {t('gallery.more')}
                    </button>
                </p>
            )}
        </>
    );
}

export function UsagePage() {
    useTitle(t('nav.usage'));
    const held = useStore(account);
    const [error, setError] = useState('');
    useEffect(() => {
        accountLoad().catch((problem) => setError((problem as Error).message));
    }, []);
    return (
        <div class="usage">
            <div class="page-head">
                <h1>{t('nav.usage')}</h1>
            </div>
            {error && <Problem text={error} />}
            <Balance />
            <section>
                <h2>{t('money.chart')}</h2>
                <UsageChart />
            </section>
            <section>
                <h2>{t('money.lots')}</h2>
                {held ? <Lots lots={held.lots} /> : <Spinner />}
            </section>
            <section>
                <h2>{t('money.statement')}</h2>
                <Statement />
            </section>
        </div>
    );
}
