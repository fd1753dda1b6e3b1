// A clip and what becomes of it: waiting, being made with its previews, done, or not.
import type { Ref } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { post } from '../api';
import { span } from '../format';
import { isActive, jobLoad, jobsPut } from '../live';
import { may, toast } from '../state';
import { t, type TextKey } from '../text';
import type { Job } from '../types';
import { Icon } from './icons';

export const clipAddress = (job: Job) => `/conch/v1/jobs/${job.id}/content`;
export const posterAddress = (job: Job) => `/conch/v1/jobs/${job.id}/poster`;
export const stillMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** The newest preview picture as an address of this page; asked for once a step or second, while the job runs. */
function usePreview(job: Job): string {
    const [url, setUrl] = useState('');
    const kept = useRef('');
    const running = job.state === 'running' && (job.step ?? 0) > 0 && job.phase === 'denoise';
    useEffect(() => {
        if (!running) return;
        let ended = false, timer = 0, last = '';
        const look = async () => {
            try {
                const answer = await fetch(`/conch/v1/jobs/${job.id}/preview`, { cache: 'no-store' });
                if (answer.ok && answer.status !== 204 && !ended) {
                    const next = URL.createObjectURL(await answer.blob());
                    if (last) URL.revokeObjectURL(last);
                    last = next;
                    if (!ended) setUrl(next);
                }
            } catch {
                // the next look may have more luck
            }
            if (!ended) timer = window.setTimeout(look, document.hidden ? 4000 : 700);
        };
        timer = window.setTimeout(look, 350);
        return () => {
            ended = true;
            clearTimeout(timer);
            kept.current = last;
        };
    }, [job.id, running]);
    // the last one stays while pixels are made of it
    useEffect(() => () => {
        if (kept.current) URL.revokeObjectURL(kept.current);
    }, [job.id]);
    return isActive(job) ? url : '';
}

export async function jobCancel(job: Job): Promise<void> {
    jobsPut([{ ...job, cancel_requested: true }]); // at once, for whoever presses twice
    try {
        jobsPut([await post<Job>(`/conch/v1/jobs/${job.id}/cancel`)]);
    } catch (error) {
        toast((error as Error).message, { bad: true });
        jobLoad(job.id).catch(() => {});
    }
}

export function phaseText(job: Job): string {
    if (job.state === 'queued' || job.state === 'submitting')
        return job.queue_place === null || job.queue_place < 0 ? t('state.queued') : job.queue_place === 0 ? t('live.next') : t('live.place', { n: job.queue_place });
    if (job.state === 'storing') return t('phase.store');
    if (job.state === 'unknown') return t('state.unknown');
    const phase = job.phase && ['text', 'image', 'denoise', 'decode', 'encode'].includes(job.phase) ? t(`phase.${job.phase}` as TextKey) : t('state.running');
    return job.step && job.steps && job.phase === 'denoise' ? `${phase} · ${t('live.step', { step: job.step, steps: job.steps })}` : phase;
}

export function Progress({ job }: { job: Job }) {
    const percent = Math.round(job.progress * 100);
    const waiting = job.state === 'queued' || job.state === 'submitting';
    return (
        <div class="progress-block">
            <div class="progress-words">
                <span data-test="phase">{job.cancel_requested ? t('live.cancelling') : phaseText(job)}</span>
                <span class="dim" data-test="eta">
                    {job.eta_seconds !== null ? t('live.left', { time: span(job.eta_seconds) }) : ''}
                </span>
            </div>
            <progress max={100} value={waiting ? undefined : percent} aria-label={t('live.progress')} />
        </div>
    );
}

/** The player of a finished clip, or what stands in its place. `video` gets the element. */
export function Clip(props: { job: Job; video?: Ref<HTMLVideoElement>; controls?: boolean; autoplay?: boolean; small?: boolean }) {
    const { job } = props;
    const preview = usePreview(job);
    const own = useRef<HTMLVideoElement>(null);
    const ref = (props.video as { current: HTMLVideoElement | null } | undefined) ?? own;
    const shape = job.width && job.height ? `shape-${shapeOf(job.width / job.height)}` : 'shape-wide';
    useEffect(() => {
        if (props.autoplay && job.state === 'succeeded' && !stillMotion()) ref.current?.play().catch(() => {});
    }, [job.state, job.id]);
    if (job.state === 'succeeded' && job.video)
        return (
            <div class={`clip ${shape}`}>
                <video
                    ref={ref as Ref<HTMLVideoElement>}
                    src={clipAddress(job)}
                    poster={job.poster ? posterAddress(job) : undefined}
                    controls={props.controls ?? true}
                    loop
                    muted
                    playsInline
                    preload="auto"
                    aria-label={job.prompt ?? t('clip')}
                />
            </div>
        );
    if (!isActive(job))
        return (
            <div class={`clip ended ${shape}`}>
                <div class="clip-words">
                    <strong>{job.state === 'succeeded' ? t('clip.gone') : t(`state.${job.state}`)}</strong>
                    {job.error && <p>{job.error.message ?? t(`error.${job.error.code}` as TextKey)}</p>}
                    {job.error && !props.small && <p class="dim">{t(job.error.retryable ? 'clip.retryable' : 'clip.notCharged')}</p>}
                </div>
            </div>
        );
    return (
        <div class={`clip live ${shape}`}>
            {preview ? <img class="clip-preview" src={preview} alt={t('live.preview')} /> : <div class="clip-waiting" aria-hidden="true" />}
            <div class="clip-bar">
                <Progress job={job} />
                {may('generate') && (
                    <button type="button" class="over" disabled={job.cancel_requested} onClick={() => jobCancel(job)}>
                        <Icon name="close" size={16} /> {t('cancel')}
                    </button>
                )}
            </div>
        </div>
    );
}

/** The nearest of the shapes that the style sheet has, so that nothing jumps when the clip comes. */
function shapeOf(ratio: number): string {
    const shapes: [string, number][] = [['21-9', 21 / 9], ['wide', 16 / 9], ['8-5', 1.6], ['4-3', 4 / 3], ['1-1', 1], ['3-4', 3 / 4], ['9-16', 9 / 16]];
    return shapes.sort((a, b) => Math.abs(Math.log(a[1] / ratio)) - Math.abs(Math.log(b[1] / ratio)))[0]![0];
}
