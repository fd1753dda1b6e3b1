// Models: what each can make, what it asks for, and what really makes its pixels here.
import { useEffect, useState } from 'preact/hooks';
import { get } from '../api';
import { sizeText } from '../capability';
import { change } from '../draft';
import { amount, bytes, number } from '../format';
import { Can, inOrder, range } from '../parts/modelpicker';
import { Icon } from '../parts/icons';
import { Problem, modeName, Sandbox, Spinner, useTitle } from '../parts/ui';
import { go } from '../router';
import { may, models, modelsLoad } from '../state';
import { useStore } from '../store';
import { t } from '../text';
import type { Mode, Model, Worker } from '../types';

interface Local {
    licence?: string;
    bytes?: number;
}

/** What the workers tell of models in their folders; only an admin may ask. */
function useLocals(): Record<string, Local> {
    const [locals, setLocals] = useState<Record<string, Local>>({});
    useEffect(() => {
        if (!may('admin')) return;
        get<{ data: Worker[] }>('/conch/v1/workers')
            .then((list) => setLocals(Object.fromEntries(list.data.flatMap((worker) => (worker.details?.models ?? []).map((model) => [model.name, model])))))
            .catch(() => {});
    }, []);
    return locals;
}

function Matrix({ model }: { model: Model }) {
    const rows = new Map<string, Map<Mode, number[]>>();
    for (const output of model.outputs) {
        const row = rows.get(output.resolution) ?? new Map<Mode, number[]>();
        for (const mode of output.modes) row.set(mode, [...(row.get(mode) ?? []), ...output.seconds]);
        rows.set(output.resolution, row);
    }
    return (
        <div class="scroll" tabIndex={0} role="group" aria-label={t('models.matrix', { model: model.name })}>
            <table class="matrix">
                <thead>
                    <tr>
                        <th scope="col">{t('create.size')}</th>
                        {model.modes.map((mode) => (
                            <th scope="col" key={mode}>
                                {modeName(mode)}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {[...rows].map(([resolution, row]) => (
                        <tr key={resolution}>
                            <th scope="row">
                                {resolution.replace(/^(\d+)x(\d+)$/, '$1 × $2')}{' '}
                                {!/x/.test(resolution) && <span class="dim">{sizeText(model.outputs.find((output) => output.resolution === resolution && output.width !== null))}</span>}
                            </th>
                            {model.modes.map((mode) => (
                                <td key={mode}>{row.has(mode) ? range(row.get(mode)!) : <span class="dim">{t('models.no')}</span>}</td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function Prices({ model }: { model: Model }) {
    const rows = model.prices.filter((row) => row.meter === 'microusd' && row.amount > 0);
    if (model.backend === 'local') return <>{t('free')}</>;
    if (!rows.length) return <span class="dim">{t('models.noPrice')}</span>;
    return (
        <ul class="plain">
            {rows.map((row, index) => (
                <li key={index}>
                    {[row.resolution, row.seconds ? `${row.seconds} s` : ''].filter(Boolean).join(', ')}: {amount(row.amount, 'microusd')}
                    {row.seconds === null && ` ${t('price.second')}`}
                    {row.confidence !== 'H' && <span class="dim"> ({t('models.unsure')})</span>}
                </li>
            ))}
        </ul>
    );
}

function Card({ model, local }: { model: Model; local: Local | undefined }) {
    const licence = model.licence ?? local?.licence ?? (model.backend === 'local' ? null : t('models.hosted', { provider: model.provider }));
    const memory = model.memory_bytes ?? local?.bytes;
    return (
        <article class={model.available ? 'model-card' : 'model-card off'} data-model={model.id}>
            <header class="row spread wrap">
                <h2>{model.name}</h2>
                <span class="row">
                    {model.sandbox ? <Sandbox by={model.served_by} /> : model.backend === 'local' && <span class="badge good">{t('models.here')}</span>}
                    {!model.available && <span class="badge off">{t('model.unavailable')}</span>}
                </span>
            </header>
            <p class="serves" data-test="serves">
                {!model.available ? model.reason : model.sandbox ? t('models.rehearsed', { by: model.served_by ?? '' }) : t('models.servedBy', { by: model.served_by ?? model.name })}
                {model.alias && <> {t('models.alias', { alias: model.alias })}</>}
            </p>
            <Can model={model} />
            <Matrix model={model} />
            <dl class="facts compact">
                <div class="fact">
                    <dt>{t('models.slug')}</dt>
                    <dd>
                        <code>{model.id}</code>
                    </dd>
                </div>
                <div class="fact">
                    <dt>{t('models.prompt')}</dt>
                    <dd>{t('models.characters', { n: number(model.prompt_characters_max) })}</dd>
                </div>
                <div class="fact">
                    <dt>{t('create.camera')}</dt>
                    <dd>{model.camera_commands ? t('models.cameraYes') : t('models.cameraWords')}</dd>
                </div>
                {model.fps && (
                    <div class="fact">
                        <dt>{t('models.fps')}</dt>
                        <dd>{model.fps}</dd>
                    </div>
                )}
                {model.pictures && model.modes.some((mode) => mode !== 'text') && (
                    <div class="fact">
                        <dt>{t('models.pictures')}</dt>
                        <dd>
                            {model.pictures.formats.join(', ').toUpperCase()}, {t('models.picturesMax', { size: bytes(model.pictures.bytes_max) })}
                            {model.pictures.side_min > 1 && `, ${t('models.side', { n: model.pictures.side_min })}`}
                        </dd>
                    </div>
                )}
                <div class="fact">
                    <dt>{t('models.licence')}</dt>
                    <dd>{licence ?? '–'}</dd>
                </div>
                {memory ? (
                    <div class="fact">
                        <dt>{t('models.memory')}</dt>
                        <dd>{bytes(memory)}</dd>
                    </div>
                ) : null}
                <div class="fact">
                    <dt>{model.backend === 'local' ? t('job.cost') : t('models.listPrice')}</dt>
                    <dd>
                        <Prices model={model} />
                    </dd>
                </div>
            </dl>
            {model.available && may('generate') && (
                <p>
                    <button
                        type="button"
                        onClick={() => {
                            change({ model: model.id });
                            go('/');
                        }}
                    >
                        <Icon name="create" size={16} /> {t('models.use')}
                    </button>
                </p>
            )}
        </article>
    );
}

export function ModelsPage() {
    useTitle(t('nav.models'));
    const list = useStore(models);
    const locals = useLocals();
    const [error, setError] = useState('');
    useEffect(() => {
        modelsLoad().catch((problem) => setError((problem as Error).message));
    }, []);
    return (
        <div class="models">
            <div class="page-head">
                <h1>{t('nav.models')}</h1>
            </div>
            {list.some((model) => model.sandbox) && <p class="notice">{t('models.sandbox')}</p>}
            {error && <Problem text={error} />}
            {!list.length && !error && <Spinner />}
            <div class="cards">
                {inOrder(list).map((model) => (
                    <Card key={model.id} model={model} local={locals[model.id] ?? locals[model.name]} />
                ))}
            </div>
        </div>
    );
}
