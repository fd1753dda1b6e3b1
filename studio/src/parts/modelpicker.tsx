// Which model: each with what it can and cannot do.
import { useState } from 'preact/hooks';
import { amount } from '../format';
import { models } from '../state';
import { useStore } from '../store';
import { t } from '../text';
import type { Mode, Model } from '../types';
import { Icon } from './icons';
import { Dialog, modeName, Sandbox } from './ui';

const MODES: Mode[] = ['text', 'first_frame', 'last_frame', 'subject', 'reference'];

export function range(seconds: number[]): string {
    const list = [...new Set(seconds)].sort((a, b) => a - b);
    const whole = list.length > 3 && list[list.length - 1]! - list[0]! === list.length - 1;
    return whole ? `${list[0]}–${list[list.length - 1]} s` : `${list.join(', ')} s`;
}

/** What a second, or a clip, is at least. */
export function priceFrom(model: Model): string {
    if (model.backend === 'local') return t('free');
    const prices = model.prices.filter((row) => row.meter === 'microusd');
    const clips = prices.filter((row) => row.seconds !== null).map((row) => row.amount);
    const seconds = prices.filter((row) => row.seconds === null).map((row) => row.amount);
    const list = clips.length ? t('price.from', { price: amount(Math.min(...clips), 'microusd') }) : seconds.length ? t('price.fromSecond', { price: amount(Math.min(...seconds), 'microusd') }) : '';
    return list ? t('price.list', { price: list }) : '';
}

export function Can({ model }: { model: Model }) {
    return (
        <ul class="can">
            {MODES.map((mode) => {
                const can = model.modes.includes(mode);
                return (
                    <li key={mode} class={can ? '' : 'cannot'}>
                        <Icon name={can ? 'check' : 'close'} size={14} />
                        <span>
                            {modeName(mode)}
                            {!can && <span class="hidden">: {t('model.cannot')}</span>}
                        </span>
                    </li>
                );
            })}
        </ul>
    );
}

export function ModelButton(props: { model: Model | undefined; onPick: (model: Model) => void; problem?: string }) {
    const [open, setOpen] = useState(false);
    const { model } = props;
    return (
        <div class={props.problem ? 'field wrong' : 'field'}>
            <span class="label" id="model-label">
                {t('create.model')}
            </span>
            <button type="button" class="model-button" aria-haspopup="dialog" aria-labelledby="model-label model-name" onClick={() => setOpen(true)}>
                <span id="model-name" class="model-name">{model?.name ?? '…'}</span>
                {model?.sandbox && <Sandbox by={model.served_by} />}
                <Icon name="chevron" size={16} />
            </button>
            {props.problem && <p class="problem">{props.problem}</p>}
            {open && (
                <ModelDialog
                    chosen={model?.id ?? ''}
                    onClose={() => setOpen(false)}
                    onPick={(next) => {
                        props.onPick(next);
                        setOpen(false);
                    }}
                />
            )}
        </div>
    );
}

/** What can be asked for first, and of that what this machine makes itself. */
export const inOrder = (list: Model[]) =>
    [...list].sort((a, b) => Number(b.available) - Number(a.available) || Number(b.backend === 'local') - Number(a.backend === 'local'));

function ModelDialog(props: { chosen: string; onPick: (model: Model) => void; onClose: () => void }) {
    const list = inOrder(useStore(models));
    const [chosen, setChosen] = useState(props.chosen);
    const use = () => {
        const model = list.find((row) => row.id === chosen);
        if (model) props.onPick(model);
    };
    return (
        <Dialog
            title={t('create.model')}
            wide
            onClose={props.onClose}
            footer={
                <button type="submit" form="pick-model" class="primary">
                    {t('model.use')}
                </button>
            }
        >
            <form
                id="pick-model"
                class="model-list"
                onSubmit={(event) => {
                    event.preventDefault();
                    use();
                }}
            >
                {list.map((model) => (
                    <label key={model.id} class={model.available ? 'model-row' : 'model-row off'}>
                        <input
                            type="radio"
                            name="model"
                            value={model.id}
                            checked={model.id === chosen}
                            disabled={!model.available}
                            autofocus={model.id === chosen}
                            onChange={() => setChosen(model.id)}
                            onDblClick={use}
                        />
                        <span class="model-words">
                            <span class="model-title">
                                <strong>{model.name}</strong>
                                {model.sandbox && <Sandbox by={model.served_by} />}
                                <span class="dim">{priceFrom(model)}</span>
                            </span>
                            <span class="dim">
                                {[...new Set(model.outputs.map((row) => row.resolution))].join(', ')} · {range(model.outputs.flatMap((row) => row.seconds))}
                                {model.fps ? ` · ${model.fps} fps` : ''}
                            </span>
                            {!model.available && <span class="problem">{model.reason}</span>}
                            <Can model={model} />
                        </span>
                    </label>
                ))}
            </form>
        </Dialog>
    );
}
