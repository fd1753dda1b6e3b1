// Create: the request on the left, what becomes of it on the right.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError, call, onceKey, post } from '../api';
import { CAMERA, cameraBracketBefore, outputOf, outputsOf, resolutionsOf, secondsOf, sizeText } from '../capability';
import { change, draft, draftClear, draftModel, isLocal, isSending, modeOf, pictureAdd, pictureSwap, problemsOf, requestOf, type Draft, type Problem } from '../draft';
import { amount, span, usd } from '../format';
import { jobLoad, jobsPut, useJob } from '../live';
import { Clip, stillMotion } from '../parts/clip';
import { CodeDialog } from '../parts/codedialog';
import { Icon } from '../parts/icons';
import { JobActions } from '../parts/jobactions';
import { ModelButton } from '../parts/modelpicker';
import { PictureZone } from '../parts/picture';
import { Field, IconButton, JobBadges, Problem as Notice, Segments, Switch, useTitle } from '../parts/ui';
import { jobPath } from '../router';
import { may, modelOf, models, toast } from '../state';
import { keep, kept, Store, useStore } from '../store';
import { language, t } from '../text';
import type { Estimate, Job, JobRequest, Mode, Model } from '../types';

/** Jobs that this page shows, newest first. */
export const stage = new Store<string[]>(kept<string[]>('stage', []));
stage.watch(() => keep('stage', stage.value));
const STAGE_MAX = 8;
const shown = (ids: string[]) => stage.update((old) => [...ids, ...old.filter((id) => !ids.includes(id))].slice(0, STAGE_MAX));

// ---- estimate ----

type Asked = { estimate: Estimate | null; error: ApiError | null; fresh: boolean };

/** What the server says the draft would be and cost; asked a moment after the last change. */
function useEstimate(request: JobRequest, ready: boolean): Asked {
    const [asked, setAsked] = useState<Asked>({ estimate: null, error: null, fresh: false });
    const text = JSON.stringify(request);
    useEffect(() => {
        setAsked((old) => ({ ...old, fresh: false }));
        if (!ready) return;
        const stop = new AbortController();
        const timer = setTimeout(async () => {
            try {
                const estimate = await call<Estimate>('POST', '/conch/v1/estimate', request, { signal: stop.signal });
                setAsked({ estimate, error: null, fresh: true });
            } catch (error) {
                if (error instanceof ApiError) setAsked({ estimate: null, error, fresh: true });
            }
        }, 350);
        return () => {
            clearTimeout(timer);
            stop.abort();
        };
    }, [text, ready]);
    return asked;
}

// ---- the prompt ----

function CameraChips({ onAdd }: { onAdd: (command: string, together: boolean) => void }) {
    const [together, setTogether] = useState(false);
    const [open, setOpen] = useState(kept('camera', false));
    return (
        <details
            class="camera"
            open={open}
            onToggle={(event) => {
                setOpen(event.currentTarget.open);
                keep('camera', event.currentTarget.open);
            }}
        >
            <summary>{t('create.camera')}</summary>
            <div class="chips" role="group" aria-label={t('create.camera')}>
                {CAMERA.map(([en, zh]) => (
                    <button type="button" class="chip" key={en} onClick={() => onAdd(language.value === 'zh' ? zh : en, together)}>
                        {language.value === 'zh' ? zh : en}
                    </button>
                ))}
            </div>
            <Switch label={t('create.cameraTogether')} value={together} onChange={setTogether} />
        </details>
    );
}

/** Puts a command into the text where the caret is; the browser's own undo takes it back. */
function cameraInsert(area: HTMLTextAreaElement, command: string, together: boolean): void {
    area.focus();
    const at = area.selectionEnd, before = area.value.slice(0, at);
    let text: string;
    if (together && cameraBracketBefore(before)) {
        const close = Math.max(before.lastIndexOf(']'), before.lastIndexOf('］'), before.lastIndexOf('】'));
        area.setSelectionRange(close, close);
        text = `, ${command}`;
    } else {
        area.setSelectionRange(at, at);
        text = `${before && !/\s$/.test(before) ? ' ' : ''}[${command}]`;
    }
    if (!document.execCommand('insertText', false, text)) {
        area.setRangeText(text, area.selectionStart, area.selectionEnd, 'end');
        area.dispatchEvent(new InputEvent('input', { bubbles: true }));
    }
}

/** The optimizer's text beside one's own, to be taken over or not. */
function Optimizer({ d, estimate }: { d: Draft; estimate: Estimate | null }) {
    const used = estimate?.prompt_used ?? null;
    const differs = d.optimizer && used !== null && used.trim() !== d.prompt.trim() && d.prompt.trim() !== '';
    return (
        <div class="optimizer">
            <div class="row spread">
                <Switch label={t('create.optimizer')} name="optimizer" value={d.optimizer} onChange={(optimizer) => change({ optimizer })} hint={t('create.optimizerHint')} />
                {d.before !== null && (
                    <button type="button" class="ghost" onClick={() => change({ prompt: d.before!, before: null, optimizer: true })}>
                        <Icon name="undo" size={16} /> {t('create.undo')}
                    </button>
                )}
            </div>
            {differs && (
                <div class="optimized">
                    <div class="row spread">
                        <span class="label">{t('create.after')}</span>
                        <button type="button" class="ghost" onClick={() => change({ before: d.prompt, prompt: used!, optimizer: false })}>
                            {t('create.takeOver')}
                        </button>
                    </div>
                    <p data-test="optimized">{used}</p>
                </div>
            )}
            {estimate && d.optimizer && d.prompt.trim() !== '' && estimate.notes.length > 0 && (
                <ul class="notes">
                    {estimate.notes.map((note) => (
                        <li key={note}>{note}</li>
                    ))}
                </ul>
            )}
        </div>
    );
}

// ---- how ----

function accept(model: Model | undefined): string {
    const formats = model?.pictures?.formats ?? ['png', 'jpeg', 'webp'];
    return formats.map((format) => 'image/' + format).join(',');
}

function Pictures({ d, model, problems }: { d: Draft; model: Model; problems: Problem[] }) {
    const of = (field: Problem['field']) => problems.find((row) => row.field === field)?.text;
    const takes = (mode: Mode) => model.modes.includes(mode);
    const references = model.references, subject = model.subjects_max > 0 && takes('subject');
    const frames = takes('first_frame') || takes('last_frame') || d.first || d.last;
    return (
        <div class="zones">
            {(frames || (!subject && !references)) && (
                <>
                    <PictureZone
                        slot="first"
                        label={t('role.first_frame')}
                        hint={t('zone.first')}
                        pictures={d.first ? [d.first] : []}
                        max={1}
                        problem={of('first')}
                        accept={accept(model)}
                        disabled={!takes('first_frame') && !d.first}
                    />
                    {d.first && d.last && <IconButton icon="swap" label={t('zone.swap')} class="zone-swap" onClick={pictureSwap} />}
                    <PictureZone
                        slot="last"
                        label={t('role.last_frame')}
                        hint={t('zone.last')}
                        pictures={d.last ? [d.last] : []}
                        max={1}
                        problem={of('last')}
                        accept={accept(model)}
                        disabled={!takes('last_frame') && !d.last}
                    />
                </>
            )}
            {(subject || d.subjects.length > 0) && (
                <PictureZone slot="subject" label={t('role.subject')} hint={t('zone.subject')} pictures={d.subjects} max={Math.max(1, model.subjects_max)} problem={of('subject')} accept={accept(model)} />
            )}
            {(references || d.references.length > 0) && (
                <PictureZone
                    slot="reference"
                    label={t('zone.references')}
                    hint={t('zone.reference')}
                    pictures={d.references}
                    max={references?.files_max ?? d.references.length}
                    problem={of('reference')}
                    accept={accept(model) + (references?.videos_max ? ',video/mp4,video/quicktime' : '') + (references?.audios_max ? ',audio/wav,audio/mpeg' : '')}
                />
            )}
        </div>
    );
}

function Shape({ d, model, mode }: { d: Draft; model: Model; mode: Mode }) {
    const resolutions = resolutionsOf(model, mode);
    const seconds = secondsOf(model, mode, d.resolution);
    const everySecond = [...new Set(outputsOf(model, mode).flatMap((row) => row.seconds))].sort((a, b) => a - b);
    const output = outputOf(model, mode, d.resolution, d.seconds);
    const ratios = output?.ratio === 'required' ? model.ratios : output?.ratio === 'optional' ? ['adaptive', ...model.ratios] : [];
    if (!resolutions.length) return null;
    return (
        <div class="shape">
            <Segments
                label={t('create.size')}
                name="size"
                value={d.resolution}
                options={resolutions.map((value) => ({ value, label: sizeText(outputsOf(model, mode).find((row) => row.resolution === value)) || value, hint: value }))}
                onChange={(resolution) => change({ resolution })}
            />
            {everySecond.length <= 5 ? (
                <Segments
                    label={t('create.seconds')}
                    name="seconds"
                    value={d.seconds}
                    options={everySecond.map((value) => ({ value, label: `${value} s`, disabled: !seconds.includes(value), hint: seconds.includes(value) ? undefined : t('create.notWith', { size: d.resolution }) }))}
                    onChange={(next) => change({ seconds: next })}
                />
            ) : (
                <Field label={`${t('create.seconds')}: ${d.seconds} s`}>
                    {(id) => (
                        <input
                            id={id}
                            name="seconds"
                            type="range"
                            min={seconds[0]}
                            max={seconds[seconds.length - 1]}
                            value={d.seconds}
                            onInput={(event) => change({ seconds: Number(event.currentTarget.value) })}
                        />
                    )}
                </Field>
            )}
            {ratios.length > 0 && (
                <Segments
                    label={t('create.ratio')}
                    name="ratio"
                    value={d.ratio}
                    options={ratios.map((value) => ({ value, label: value === 'adaptive' ? t('create.adaptive') : value }))}
                    onChange={(ratio) => change({ ratio })}
                />
            )}
            <Segments
                label={t('create.count')}
                name="count"
                value={d.count}
                options={[1, 2, 3, 4].map((value) => ({ value, label: String(value) }))}
                onChange={(count) => change({ count })}
            />
        </div>
    );
}

function More({ d, model, problems }: { d: Draft; model: Model; problems: Problem[] }) {
    const of = (field: Problem['field']) => problems.find((row) => row.field === field)?.text;
    return (
        <details class="more" open={problems.some((row) => ['seed', 'steps', 'guidance'].includes(row.field)) || kept('more', false)} onToggle={(event) => keep('more', event.currentTarget.open)}>
            <summary>{t('create.more')}</summary>
            <div class="more-body">
                <Field label={t('create.seed')} problem={of('seed')} hint={t('create.seedHint')}>
                    {(id, described) => (
                        <div class="row">
                            <input id={id} aria-describedby={described} inputMode="numeric" placeholder={t('create.random')} value={d.seed} onInput={(event) => change({ seed: event.currentTarget.value.trim() })} />
                            <IconButton icon="dice" label={t('create.dice')} onClick={() => change({ seed: String(crypto.getRandomValues(new Uint32Array(1))[0]) })} />
                        </div>
                    )}
                </Field>
                {isLocal(model) && (
                    <>
                        <div class="pair">
                            <Field label={t('create.steps')} problem={of('steps')}>
                                {(id, described) => <input id={id} aria-describedby={described} inputMode="numeric" placeholder={t('create.default')} value={d.steps} onInput={(event) => change({ steps: event.currentTarget.value.trim() })} />}
                            </Field>
                            <Field label={t('create.guidance')} problem={of('guidance')}>
                                {(id, described) => <input id={id} aria-describedby={described} inputMode="decimal" placeholder={t('create.default')} value={d.guidance} onInput={(event) => change({ guidance: event.currentTarget.value.trim() })} />}
                            </Field>
                        </div>
                        <Field label={t('create.negative')}>
                            {(id) => <input id={id} value={d.negative} onInput={(event) => change({ negative: event.currentTarget.value })} />}
                        </Field>
                    </>
                )}
                <Switch label={t('create.watermark')} value={d.watermark} onChange={(watermark) => change({ watermark })} />
            </div>
        </details>
    );
}

// ---- the button ----

function priceText(estimate: Estimate | null, count: number): string {
    if (!estimate) return '';
    const { amount: each, unit, list_microusd: list } = estimate.price;
    if (each > 0) return amount(each * count, unit);
    return estimate.sandbox && list ? t('price.rehearsal', { price: usd(list * count) }) : t('free');
}

function timeText(estimate: Estimate | null, count: number): string {
    if (!estimate || estimate.run_seconds === null) return '';
    return t('create.about', { time: span((estimate.wait_seconds ?? 0) + estimate.run_seconds * count) });
}

const fieldOf: Record<string, Problem['field']> = { prompt: 'prompt', model: 'model', first_frame: 'first', last_frame: 'last', seed: 'seed', steps: 'steps', guidance: 'guidance', resolution: 'size', seconds: 'size', ratio: 'size' };

function Composer() {
    useStore(models);
    const d = useStore(draft);
    const area = useRef<HTMLTextAreaElement>(null);
    const [busy, setBusy] = useState(false);
    const [tried, setTried] = useState(false);
    const [code, setCode] = useState(false);
    const model = draftModel(d);
    const mode = modeOf(d);
    const local = problemsOf(d);
    const request = useMemo(() => requestOf(d), [d]);
    const sending = isSending(d);
    // what it costs does not depend on the words, so that is known before the first one is written
    const wordless = local.length === 1 && local[0]!.text === t('check.prompt');
    const { estimate, error, fresh } = useEstimate(wordless ? { ...request, prompt: '…' } : request, !!model && (local.length === 0 || wordless) && !sending);
    const refused: Problem[] = error && local.length === 0 ? [{ field: fieldOf[error.field?.replace(/\[.*/, '') ?? ''] ?? 'model', text: error.code === 'offline' ? t('offline') : error.message }] : [];
    const problems = [...local, ...refused];
    const visible = problems.filter((row) => tried || row.field !== 'prompt' || row.text !== t('check.prompt'));
    const promptProblem = visible.find((row) => row.field === 'prompt')?.text;
    const characters = [...d.prompt].length;

    const submit = async () => {
        setTried(true);
        if (busy || sending || !model || !may('generate')) return;
        if (local.length) {
            area.current?.closest('form')?.querySelector<HTMLElement>('.wrong input, .wrong textarea, .wrong button')?.focus();
            return;
        }
        setBusy(true);
        const made: Job[] = [];
        try {
            for (let i = 0; i < d.count; i++) {
                const seed = request.seed === undefined ? undefined : request.seed + i;
                made.push(await post<Job>('/conch/v1/jobs', seed === undefined ? request : { ...request, seed }, { once: onceKey() }));
            }
            setTried(false);
        } catch (problem) {
            toast(problem instanceof ApiError && problem.code === 'offline' ? t('offline') : (problem as Error).message, { bad: true });
        } finally {
            if (made.length) {
                jobsPut(made);
                shown(made.map((job) => job.id));
                // on a phone the clips lie below: show where they are
                requestAnimationFrame(() => matchMedia('(max-width: 860px)').matches && document.querySelector('.stage')?.scrollIntoView({ block: 'start', behavior: stillMotion() ? 'auto' : 'smooth' }));
            }
            setBusy(false);
        }
    };

    return (
        <form
            class="composer"
            aria-label={t('nav.create')}
            onSubmit={(event) => {
                event.preventDefault();
                void submit();
            }}
            onKeyDown={(event) => {
                if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
                    event.preventDefault();
                    void submit();
                }
            }}
            onPaste={(event) => {
                const file = [...(event.clipboardData?.files ?? [])].find((row) => row.type.startsWith('image/'));
                if (!file || !model?.modes.includes('first_frame')) return;
                event.preventDefault();
                void pictureAdd(d.first && model.modes.includes('last_frame') ? 'last' : 'first', file, file.name);
            }}
        >
            <div class={promptProblem ? 'field prompt wrong' : 'field prompt'}>
                <label class="label" for="prompt">
                    {t('create.prompt')}
                </label>
                <textarea
                    id="prompt"
                    ref={area}
                    rows={5}
                    value={d.prompt}
                    placeholder={t('create.placeholder')}
                    aria-describedby="prompt-count"
                    aria-invalid={!!promptProblem}
                    onInput={(event) => change({ prompt: event.currentTarget.value, before: null })}
                />
                <div class="row spread">
                    <span class="problem">{promptProblem}</span>
                    <span id="prompt-count" class={model && characters > model.prompt_characters_max ? 'count over' : 'count'}>
                        {characters} / {model?.prompt_characters_max ?? 2000}
                    </span>
                </div>
            </div>
            <CameraChips onAdd={(command, together) => area.current && cameraInsert(area.current, command, together)} />
            <Optimizer d={d} estimate={fresh || !error ? estimate : null} />
            {model && (
                <>
                    <Pictures d={d} model={model} problems={visible} />
                    <ModelButton model={model} problem={visible.find((row) => row.field === 'model')?.text} onPick={(next) => change({ model: next.id })} />
                    <Shape d={d} model={model} mode={mode} />
                    {visible.find((row) => row.field === 'size') && <p class="problem">{visible.find((row) => row.field === 'size')!.text}</p>}
                    <More d={d} model={model} problems={visible} />
                </>
            )}
            <div class="submit-bar">
                {estimate && !estimate.affordable && <p class="problem">{t('create.poor', { have: amount(estimate.available, estimate.price.unit) })}</p>}
                <button type="submit" class="primary make" disabled={busy || sending || !may('generate')} aria-keyshortcuts="Control+Enter">
                    <span class="make-word">{busy ? t('create.sending') : model?.sandbox ? t('create.rehearse', { n: d.count }) : t('create.make', { n: d.count })}</span>
                    <span class="make-price" data-test="price" aria-live="polite">
                        {[priceText(estimate, d.count), timeText(estimate, d.count)].filter(Boolean).join(' · ')}
                    </span>
                </button>
                {!may('generate') && <Notice text={t('create.mayNot')} />}
            </div>
            <div class="row spread under">
                <span class="dim keys-hint">
                    <kbd>Ctrl</kbd> <kbd>Enter</kbd>
                </span>
                <span class="row">
                    <button type="button" class="ghost" onClick={draftClear}>
                        {t('create.clear')}
                    </button>
                    <button type="button" class="ghost" onClick={() => setCode(true)} disabled={!model}>
                        <Icon name="code" size={16} /> {t('code.copyAs')}
                    </button>
                </span>
            </div>
            {code && model && <CodeDialog request={request} model={model} mode={mode} onClose={() => setCode(false)} />}
        </form>
    );
}

// ---- the stage ----

function StageJob({ id, main }: { id: string; main: boolean }) {
    const job = useJob(id);
    useEffect(() => {
        // what is no longer there, or was another account's
        jobLoad(id).catch((error) => error instanceof ApiError && error.status === 404 && stage.update((old) => old.filter((row) => row !== id)));
    }, [id]);
    if (!job) return null;
    return (
        <article class={main ? 'stage-job main' : 'stage-job'} data-job={id} data-state={job.state}>
            <Clip job={job} autoplay={main} small={!main} />
            <div class="stage-words">
                <p class="stage-prompt">
                    <a href={jobPath(id)}>{job.prompt || t('clip.noPrompt')}</a>
                </p>
                <p class="row wrap">
                    <JobBadges job={job} />
                    <span class="dim">
                        {modelOf(job.model)?.name ?? job.model}
                        {job.seconds ? ` · ${job.seconds} s` : ''}
                        {job.seed !== null ? ` · ${t('seed', { seed: job.seed })}` : ''}
                    </span>
                </p>
                <JobActions job={job} short onGone={() => stage.update((old) => old.filter((row) => row !== id))} />
            </div>
        </article>
    );
}

function Empty() {
    const ideas = [t('idea.1'), t('idea.2'), t('idea.3')];
    return (
        <div class="stage-empty">
            <h2>{t('create.empty')}</h2>
            <p class="dim">{t('create.emptyMore')}</p>
            <ul class="ideas">
                {ideas.map((idea) => (
                    <li key={idea}>
                        <button
                            type="button"
                            class="idea"
                            onClick={() => {
                                change({ prompt: idea, before: null });
                                document.getElementById('prompt')?.focus();
                            }}
                        >
                            {idea}
                        </button>
                    </li>
                ))}
            </ul>
        </div>
    );
}

export function CreatePage() {
    useTitle(t('nav.create'));
    const ids = useStore(stage);
    return (
        <div class="create">
            <h1 class="hidden">{t('nav.create')}</h1>
            <Composer />
            <section class="stage" aria-label={t('create.stage')}>
                {ids.length === 0 ? (
                    <Empty />
                ) : (
                    <>
                        <div class="row spread">
                            <h2>{t('create.stage')}</h2>
                            <button type="button" class="ghost" onClick={() => stage.set([])}>
                                {t('create.clearStage')}
                            </button>
                        </div>
                        <div class="stage-list">
                            {ids.map((id, index) => (
                                <StageJob key={id} id={id} main={index === 0} />
                            ))}
                        </div>
                    </>
                )}
            </section>
        </div>
    );
}
