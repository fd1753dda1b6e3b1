// Keys, what the page looks like, and how the server is.
import { useEffect, useState } from 'preact/hooks';
import { all, get, onceKey, post, remove } from '../api';
import { ago, bytes, day, number, span, usd } from '../format';
import { theme, type Theme } from '../look';
import { Icon } from '../parts/icons';
import { CopyButton, Dialog, Field, Problem, Segments, Spinner, useTitle } from '../parts/ui';
import { may, session, signOut, toast } from '../state';
import { useStore } from '../store';
import { language, t, type Language, type TextKey } from '../text';
import type { Key, Ready, Worker } from '../types';

const SCOPES = ['generate', 'read', 'usage', 'keys', 'admin'] as const;

/** Dollars as typed, to micro-USD, without a float between; null: that is no amount. */
export function microOf(text: string): number | null {
    const match = /^\s*\$?\s*(\d{1,9})(?:[.,](\d{1,6}))?\s*$/.exec(text);
    return match ? Number(match[1]) * 1000000 + Number((match[2] ?? '').padEnd(6, '0')) : null;
}

function NewKey({ onMade, onClose }: { onMade: () => void; onClose: () => void }) {
    const own = useStore(session)?.key.scopes ?? [];
    const [name, setName] = useState('');
    const [scopes, setScopes] = useState<string[]>(['generate', 'read', 'usage'].filter((scope) => own.includes(scope) || own.includes('admin')));
    const [budget, setBudget] = useState('');
    const [queued, setQueued] = useState('');
    const [expires, setExpires] = useState('');
    const [problem, setProblem] = useState('');
    const [made, setMade] = useState<Key | null>(null);
    const micro = budget.trim() ? microOf(budget) : 0;
    const wrong = { budget: micro === null ? t('keys.budgetWrong') : '', queued: queued && !/^\d{1,6}$/.test(queued) ? t('keys.queuedWrong') : '' };
    const make = async () => {
        if (wrong.budget || wrong.queued || !scopes.length) return;
        try {
            setMade(
                await post<Key>(
                    '/conch/v1/keys',
                    {
                        name: name.trim(),
                        scopes,
                        ...(micro ? { budget_microusd: micro } : {}),
                        ...(queued ? { queued_max: Number(queued) } : {}),
                        ...(expires ? { expires_at: `${expires}T23:59:59Z` } : {}),
                    },
                    { once: onceKey() },
                ),
            );
            onMade();
        } catch (error) {
            setProblem((error as Error).message);
        }
    };
    if (made)
        return (
            <Dialog title={t('keys.made')} onClose={onClose} footer={<button type="button" class="primary" onClick={onClose}>{t('close')}</button>}>
                <p>{t('keys.once')}</p>
                <div class="secret">
                    <code data-test="secret">{made.secret}</code>
                    <CopyButton text={made.secret ?? ''} />
                </div>
            </Dialog>
        );
    return (
        <Dialog
            title={t('keys.new')}
            onClose={onClose}
            footer={
                <button type="submit" form="new-key" class="primary" disabled={!scopes.length}>
                    {t('keys.make')}
                </button>
            }
        >
            <form
                id="new-key"
                class="stack"
                onSubmit={(event) => {
                    event.preventDefault();
                    void make();
                }}
            >
                <Field label={t('keys.name')}>{(id) => <input id={id} name="name" autofocus maxLength={100} value={name} onInput={(event) => setName(event.currentTarget.value)} />}</Field>
                <fieldset class="checks">
                    <legend class="label">{t('keys.scopes')}</legend>
                    {SCOPES.map((scope) => (
                        <label key={scope} class="check">
                            <input
                                type="checkbox"
                                name={'scope-' + scope}
                                checked={scopes.includes(scope)}
                                disabled={!own.includes(scope) && !own.includes('admin')}
                                onChange={() => setScopes((old) => (old.includes(scope) ? old.filter((row) => row !== scope) : [...old, scope]))}
                            />
                            <span>
                                <code>{scope}</code> <span class="dim">{t(`scope.${scope}`)}</span>
                            </span>
                        </label>
                    ))}
                </fieldset>
                <div class="pair">
                    <Field label={t('keys.budget')} problem={wrong.budget} hint={t('keys.budgetHint')}>
                        {(id, described) => <input id={id} name="budget" aria-describedby={described} inputMode="decimal" placeholder={t('keys.none')} value={budget} onInput={(event) => setBudget(event.currentTarget.value)} />}
                    </Field>
                    <Field label={t('keys.queued')} problem={wrong.queued}>
                        {(id, described) => <input id={id} aria-describedby={described} inputMode="numeric" placeholder={t('create.default')} value={queued} onInput={(event) => setQueued(event.currentTarget.value.trim())} />}
                    </Field>
                </div>
                <Field label={t('keys.expires')}>
                    {(id) => <input id={id} type="date" min={new Date().toISOString().slice(0, 10)} value={expires} onInput={(event) => setExpires(event.currentTarget.value)} />}
                </Field>
                {problem && <Problem text={problem} />}
            </form>
        </Dialog>
    );
}

function Revoke({ row, onDone, onClose }: { row: Key; onDone: () => void; onClose: () => void }) {
    const run = async () => {
        try {
            await remove(`/conch/v1/keys/${row.id}`);
            toast(t('keys.revoked'));
            onDone();
        } catch (error) {
            toast((error as Error).message, { bad: true });
        }
        onClose();
    };
    return (
        <Dialog
            title={t('keys.revokeTitle')}
            onClose={onClose}
            footer={
                <>
                    <button type="button" autofocus onClick={onClose}>
                        {t('keys.keepIt')}
                    </button>
                    <button type="button" class="danger" onClick={run}>
                        {t('keys.revoke')}
                    </button>
                </>
            }
        >
            <p>{t('keys.revokeMore', { name: row.name || '…' + row.tail })}</p>
        </Dialog>
    );
}

function Keys() {
    const [rows, setRows] = useState<Key[] | null>(null);
    const [error, setError] = useState('');
    const [making, setMaking] = useState(false);
    const [revoking, setRevoking] = useState<Key | null>(null);
    const own = useStore(session)?.key.id;
    const load = () => {
        all<Key>('/conch/v1/keys')
            .then(setRows)
            .catch((problem) => setError((problem as Error).message));
    };
    useEffect(load, []);
    if (error) return <Problem text={error} />;
    if (!rows) return <Spinner />;
    const order = [...rows].sort((a, b) => Number(!!a.revoked_at) - Number(!!b.revoked_at) || b.created_at.localeCompare(a.created_at));
    return (
        <>
            <p>
                <button type="button" class="primary" onClick={() => setMaking(true)}>
                    <Icon name="create" size={16} /> {t('keys.new')}
                </button>
            </p>
            <div class="scroll" tabIndex={0} role="group" aria-label={t('keys.title')}>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{t('keys.name')}</th>
                            <th scope="col">{t('keys.scopes')}</th>
                            <th scope="col" class="num">{t('money.spent')}</th>
                            <th scope="col" class="num">{t('keys.budget')}</th>
                            <th scope="col">{t('keys.used')}</th>
                            <th scope="col">{t('keys.expires')}</th>
                            <td />
                        </tr>
                    </thead>
                    <tbody>
                        {order.map((row) => (
                            <tr key={row.id} class={row.revoked_at ? 'off' : ''} data-key={row.id}>
                                <td>
                                    <strong>{row.name || t('keys.noName')}</strong> <code class="dim">…{row.tail}</code>
                                    {row.id === own && <span class="badge">{t('keys.this')}</span>}
                                </td>
                                <td>{row.scopes.join(', ')}</td>
                                <td class="num">{usd(row.spent_microusd)}</td>
                                <td class="num">{row.budget_microusd ? usd(row.budget_microusd) : '–'}</td>
                                <td>{row.used_at ? ago(row.used_at) : t('keys.never')}</td>
                                <td>{row.revoked_at ? t('keys.revokedAt', { day: day(row.revoked_at) }) : row.expires_at ? day(row.expires_at) : '–'}</td>
                                <td class="num">
                                    {!row.revoked_at && (
                                        <button type="button" class="ghost danger" aria-label={t('keys.revokeName', { name: row.name || '…' + row.tail })} onClick={() => setRevoking(row)}>
                                            {t('keys.revoke')}
                                        </button>
                                    )}
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
            {making && <NewKey onMade={load} onClose={() => setMaking(false)} />}
            {revoking && <Revoke row={revoking} onDone={load} onClose={() => setRevoking(null)} />}
        </>
    );
}

function Server() {
    const [ready, setReady] = useState<Ready | null>(null);
    const [workers, setWorkers] = useState<Worker[]>([]);
    useEffect(() => {
        const look = () => {
            fetch('/readyz', { cache: 'no-store' })
                .then((answer) => answer.json())
                .then(setReady)
                .catch(() => {});
            if (may('admin'))
                get<{ data: Worker[] }>('/conch/v1/workers')
                    .then((list) => setWorkers(list.data))
                    .catch(() => {});
        };
        look();
        const timer = setInterval(look, 5000);
        return () => clearInterval(timer);
    }, []);
    if (!ready) return <Spinner />;
    return (
        <>
            <dl class="facts">
                <div class="fact">
                    <dt>{t('server.state')}</dt>
                    <dd>{ready.status === 'ready' ? <span class="badge good">{t('server.ready')}</span> : <span class="badge bad">{ready.message ?? t('server.notReady')}</span>}</dd>
                </div>
                <div class="fact">
                    <dt>{t('server.engine')}</dt>
                    <dd>{t(ready.engine ? 'server.works' : 'server.noEngine')}</dd>
                </div>
                <div class="fact">
                    <dt>{t('server.queue')}</dt>
                    <dd>{t('server.queued', { queued: ready.queued, running: ready.running })}</dd>
                </div>
                <div class="fact">
                    <dt>{t('server.free')}</dt>
                    <dd>{bytes(ready.free_bytes)}</dd>
                </div>
            </dl>
            {workers.length > 0 && (
                <div class="scroll" tabIndex={0} role="group" aria-label={t('server.workers')}>
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">{t('server.worker')}</th>
                                <th scope="col">{t('server.kernels')}</th>
                                <th scope="col">{t('server.pace')}</th>
                                <th scope="col">{t('server.since')}</th>
                            </tr>
                        </thead>
                        <tbody>
                            {workers.map((worker) => (
                                <tr key={worker.name}>
                                    <td>{worker.name}</td>
                                    <td>{[worker.details?.kernels, worker.details?.threads ? t('server.threads', { n: number(worker.details.threads) }) : ''].filter(Boolean).join(', ') || '–'}</td>
                                    <td>
                                        {Object.entries(worker.details?.ms_per_clip ?? {})
                                            .map(([name, ms]) => `${name}: ${span(ms / 1000)}`)
                                            .join(', ') || '–'}
                                    </td>
                                    <td>{ago(worker.started_at)}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
        </>
    );
}

export function SettingsPage() {
    useTitle(t('nav.settings'));
    const who = useStore(session);
    const chosen = useStore(theme);
    const words = useStore(language);
    return (
        <div class="settings">
            <div class="page-head">
                <h1>{t('nav.settings')}</h1>
                <button type="button" onClick={() => signOut()}>
                    <Icon name="out" size={16} /> {t('signOut')}
                </button>
            </div>
            {may('keys') && (
                <section>
                    <h2>{t('keys.title')}</h2>
                    <Keys />
                </section>
            )}
            <section>
                <h2>{t('look.title')}</h2>
                <div class="row wrap gap">
                    <Segments
                        label={t('look.theme')}
                        name="theme"
                        value={chosen}
                        options={(['auto', 'light', 'dark'] as Theme[]).map((value) => ({ value, label: t(`look.${value}` as TextKey) }))}
                        onChange={(value) => theme.set(value)}
                    />
                    <Segments
                        label={t('look.language')}
                        name="language"
                        value={words}
                        options={[
                            { value: 'en' as Language, label: 'English' },
                            { value: 'zh' as Language, label: '中文' },
                        ]}
                        onChange={(value) => language.set(value)}
                    />
                </div>
            </section>
            <section>
                <h2>{t('server.title')}</h2>
                <Server />
                <p class="dim">
                    {t('server.account', { id: who?.key.account_id ?? '' })} <a href="/conch/v1/openapi.json" target="_blank" rel="noreferrer">{t('server.openapi')}</a>
                </p>
            </section>
        </div>
    );
}
