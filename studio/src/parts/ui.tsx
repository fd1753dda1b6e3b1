// Small pieces that every page uses.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t, type TextKey } from '../text';
import type { Job, State } from '../types';
import { Icon, type IconName } from './icons';

/** One of a few, side by side: radios, so arrow keys move and one Tab stop is enough. */
export function Segments<T extends string | number>(props: {
    label: string;
    value: T;
    options: { value: T; label: string; hint?: string; disabled?: boolean }[];
    onChange: (value: T) => void;
    hideLabel?: boolean;
    name?: string;
}) {
    const own = useId();
    return (
        <fieldset class="segments" data-name={props.name}>
            <legend class={props.hideLabel ? 'hidden' : 'label'}>{props.label}</legend>
            <div class="segments-row">
                {props.options.map((option) => (
                    <label key={option.value} class={option.disabled ? 'segment off' : 'segment'} title={option.hint}>
                        <input
                            type="radio"
                            name={own}
                            value={option.value}
                            checked={option.value === props.value}
                            disabled={option.disabled}
                            onChange={() => props.onChange(option.value)}
                        />
                        <span>{option.label}</span>
                    </label>
                ))}
            </div>
        </fieldset>
    );
}

export function Switch(props: { label: string; value: boolean; onChange: (value: boolean) => void; hint?: string; name?: string }) {
    return (
        <label class="switch" title={props.hint}>
            <input
                type="checkbox"
                role="switch"
                name={props.name}
                checked={props.value}
                onChange={(event) => props.onChange(event.currentTarget.checked)}
            />
            <span class="switch-track" aria-hidden="true" />
            <span>{props.label}</span>
        </label>
    );
}

export function Field(props: { label: string; problem?: string; hint?: string; children: (id: string, described: string | undefined) => ComponentChildren }) {
    const id = useId();
    const described = props.problem || props.hint ? id + '-more' : undefined;
    return (
        <div class={props.problem ? 'field wrong' : 'field'}>
            <label class="label" for={id}>
                {props.label}
            </label>
            {props.children(id, described)}
            {(props.problem || props.hint) && (
                <p id={described} class={props.problem ? 'problem' : 'hint'}>
                    {props.problem || props.hint}
                </p>
            )}
        </div>
    );
}

/** The browser's own modal: the focus stays inside, Esc closes, and it returns to where it was. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean; footer?: ComponentChildren }) {
    const ref = useRef<HTMLDialogElement>(null);
    const title = useId();
    useEffect(() => {
        const dialog = ref.current!;
        const before = document.activeElement as HTMLElement | null;
        if (!dialog.open) dialog.showModal();
        return () => {
            dialog.close();
            before?.focus?.();
        };
    }, []);
    return (
        <dialog
            ref={ref}
            class={props.wide ? 'dialog wide' : 'dialog'}
            aria-labelledby={title}
            onCancel={(event) => {
                event.preventDefault();
                props.onClose();
            }}
            onClick={(event) => event.target === event.currentTarget && props.onClose()}
        >
            <div class="dialog-box">
                <header class="dialog-head">
                    <h2 id={title}>{props.title}</h2>
                    <button type="button" class="ghost round" aria-label={t('close')} onClick={props.onClose}>
                        <Icon name="close" />
                    </button>
                </header>
                <div class="dialog-body">{props.children}</div>
                {props.footer && <footer class="dialog-foot">{props.footer}</footer>}
            </div>
        </dialog>
    );
}

/** Views of one thing, of which one is shown; arrows move between them. */
export function Tabs<T extends string>(props: { label: string; value: T; tabs: { value: T; label: string }[]; onChange: (value: T) => void; children: ComponentChildren }) {
    const own = useId();
    const ref = useRef<HTMLDivElement>(null);
    const key = (event: JSX.TargetedKeyboardEvent<HTMLElement>) => {
        const at = props.tabs.findIndex((tab) => tab.value === props.value), last = props.tabs.length - 1;
        const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
        if (next === undefined) return;
        event.preventDefault();
        props.onChange(props.tabs[next]!.value);
        (ref.current!.children[next] as HTMLElement).focus();
    };
    return (
        <>
            <div class="tabs" role="tablist" aria-label={props.label} ref={ref} onKeyDown={key}>
                {props.tabs.map((tab) => (
                    <button
                        type="button"
                        key={tab.value}
                        role="tab"
                        id={`${own}-${tab.value}`}
                        aria-selected={tab.value === props.value}
                        aria-controls={own + '-panel'}
                        tabIndex={tab.value === props.value ? 0 : -1}
                        onClick={() => props.onChange(tab.value)}
                    >
                        {tab.label}
                    </button>
                ))}
            </div>
            <div role="tabpanel" id={own + '-panel'} aria-labelledby={`${own}-${props.value}`}>
                {props.children}
            </div>
        </>
    );
}

export function IconButton(props: { icon: IconName; label: string; onClick?: () => void; class?: string; pressed?: boolean; disabled?: boolean }) {
    return (
        <button
            type="button"
            class={'ghost round ' + (props.class ?? '')}
            aria-label={props.label}
            title={props.label}
            aria-pressed={props.pressed}
            disabled={props.disabled}
            onClick={props.onClick}
        >
            <Icon name={props.icon} />
        </button>
    );
}

const tones: Record<State, string> = {
    queued: 'waiting',
    submitting: 'waiting',
    running: 'busy',
    storing: 'busy',
    succeeded: 'good',
    failed: 'bad',
    blocked: 'bad',
    cancelled: 'off',
    unknown: 'waiting',
};

export const StateBadge = ({ state }: { state: State }) => <span class={'badge ' + tones[state]}>{t(`state.${state}`)}</span>;

export const Sandbox = ({ by }: { by?: string | null }) => (
    <span class="badge sandbox" title={t('sandbox.hint', { by: by ?? 'conch/tiny' })}>
        SANDBOX
    </span>
);

export function JobBadges({ job }: { job: Job }) {
    return (
        <>
            {job.state !== 'succeeded' && <StateBadge state={job.state} />}
            {job.sandbox && <Sandbox by={job.served_by} />}
            {job.accepted === true && <span class="badge good">{t('review.accepted')}</span>}
            {job.accepted === false && <span class="badge off">{t('review.rejected')}</span>}
        </>
    );
}

export const Spinner = ({ label }: { label?: string }) => (
    <p class="loading" role="status">
        <span class="spinner" aria-hidden="true" />
        {label ?? t('loading')}
    </p>
);

export function Problem({ text, retry }: { text: string; retry?: () => void }) {
    return (
        <div class="notice bad" role="alert">
            <p>{text}</p>
            {retry && (
                <button type="button" onClick={retry}>
                    {t('again')}
                </button>
            )}
        </div>
    );
}

/** Copies a text, and says so. */
export function CopyButton({ text, label, primary }: { text: string; label?: string; primary?: boolean }) {
    const [done, setDone] = useState(false);
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            // pages without https have no clipboard: the old way
            const area = document.createElement('textarea');
            area.value = text;
            area.className = 'hidden';
            (document.querySelector('dialog[open]') ?? document.body).append(area);
            area.select();
            document.execCommand('copy');
            area.remove();
        }
        setDone(true);
        setTimeout(() => setDone(false), 1800);
    };
    return (
        <button type="button" class={primary ? 'primary' : ''} onClick={copy}>
            <Icon name={done ? 'check' : 'copy'} />
            <span aria-live="polite">{done ? t('copied') : (label ?? t('copy'))}</span>
        </button>
    );
}

export const modeName = (mode: string | null) => (mode ? t(`mode.${mode}` as TextKey) : '');

/** Sets the window's title, and the heading that a screen reader hears first. */
export function useTitle(title: string): void {
    useEffect(() => {
        document.title = title ? `${title} · Conch` : 'Conch';
    }, [title]);
}
