// What can be done with a job.
import type { RefObject } from 'preact';
import { useState } from 'preact/hooks';
import { post, remove } from '../api';
import { change, draftModel, draft, pictureAdd, remix, type Slot } from '../draft';
import { frameNow, frameOf } from '../frame';
import { isActive, jobForget, jobLoad, jobsPut } from '../live';
import { go } from '../router';
import { may, modelOf, models, toast } from '../state';
import { t } from '../text';
import type { Job } from '../types';
import { clipAddress } from './clip';
import { CodeDialog } from './codedialog';
import { Icon } from './icons';
import { Dialog, Field } from './ui';

/** Which deleted jobs came back or went: lists listen. */
export const gone = new EventTarget();

export async function jobDelete(job: Job): Promise<void> {
    try {
        await remove(`/conch/v1/jobs/${job.id}`);
    } catch (error) {
        toast((error as Error).message, { bad: true });
        return;
    }
    jobForget(job.id);
    gone.dispatchEvent(new CustomEvent('gone', { detail: job.id }));
    toast(t('job.deleted'), {
        action: {
            label: t('undo'),
            run: async () => {
                try {
                    await post(`/conch/v1/jobs/${job.id}/restore`);
                    const back = await jobLoad(job.id);
                    gone.dispatchEvent(new CustomEvent('back', { detail: back }));
                    toast(t('job.restored'));
                } catch (error) {
                    toast((error as Error).message, { bad: true });
                }
            },
        },
    });
}

export async function jobReview(job: Job, accepted: boolean | null, note?: string): Promise<void> {
    try {
        jobsPut([await post<Job>(`/conch/v1/jobs/${job.id}/review`, note === undefined ? { accepted } : { accepted, note })]);
    } catch (error) {
        toast((error as Error).message, { bad: true });
    }
}

/** A frame of this clip into Create; a model that takes such pictures is chosen when the present one does not. */
async function frameUse(job: Job, video: HTMLVideoElement | null, slot: Slot, which: 'now' | 'last'): Promise<void> {
    try {
        const frame = which === 'now' && video ? await frameNow(video) : await frameOf(clipAddress(job), which === 'last' ? 'last' : 0);
        const mode = slot === 'last' ? 'last_frame' : 'first_frame';
        const present = draftModel(draft.value);
        if (!present?.modes.includes(mode) || !present.available) {
            const other = [modelOf(job.model), ...models.value].find((model) => model?.available && model.modes.includes(mode));
            if (other) change({ model: other.id });
        }
        void pictureAdd(slot, frame, `${job.id}-${which}.png`);
        go('/');
        toast(t(slot === 'last' ? 'job.usedLast' : 'job.usedFirst'));
    } catch {
        toast(t('job.frameFailed'), { bad: true });
    }
}

async function extend(job: Job): Promise<void> {
    remix(job);
    change({ first: null, last: null, subjects: [], references: [], seed: '' });
    await frameUse(job, null, 'first', 'last');
    document.getElementById('prompt')?.focus();
}

function RejectDialog({ job, onClose }: { job: Job; onClose: () => void }) {
    const [note, setNote] = useState(job.note ?? '');
    const reasons = [t('reason.motion'), t('reason.subject'), t('reason.artefact'), t('reason.prompt')];
    const done = () => {
        void jobReview(job, false, note.trim());
        onClose();
    };
    return (
        <Dialog
            title={t('review.why')}
            onClose={onClose}
            footer={
                <button type="submit" form="reject" class="primary">
                    {t('review.reject')}
                </button>
            }
        >
            <form
                id="reject"
                onSubmit={(event) => {
                    event.preventDefault();
                    done();
                }}
            >
                <div class="chips">
                    {reasons.map((reason) => (
                        <button type="button" class="chip" key={reason} onClick={() => setNote((old) => (old.includes(reason) ? old : old ? `${old}; ${reason}` : reason))}>
                            {reason}
                        </button>
                    ))}
                </div>
                <Field label={t('review.note')}>
                    {(id) => <input id={id} name="note" autofocus maxLength={1000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />}
                </Field>
            </form>
        </Dialog>
    );
}

export function ReviewButtons({ job }: { job: Job }) {
    const [rejecting, setRejecting] = useState(false);
    return (
        <span class="review" role="group" aria-label={t('review.title')}>
            <button type="button" aria-pressed={job.accepted === true} onClick={() => jobReview(job, job.accepted === true ? null : true)}>
                <Icon name="check" size={16} /> {t('review.accept')}
            </button>
            <button type="button" aria-pressed={job.accepted === false} onClick={() => (job.accepted === false ? jobReview(job, null) : setRejecting(true))}>
                <Icon name="close" size={16} /> {t('review.reject')}
            </button>
            {rejecting && <RejectDialog job={job} onClose={() => setRejecting(false)} />}
        </span>
    );
}

export function JobActions(props: { job: Job; video?: RefObject<HTMLVideoElement>; short?: boolean; onGone?: () => void }) {
    const { job } = props;
    const [code, setCode] = useState(false);
    const model = modelOf(job.model);
    const done = job.state === 'succeeded' && job.video !== null;
    const now = () => props.video?.current ?? null;
    return (
        <div class="actions">
            {done && may('generate') && <ReviewButtons job={job} />}
            {done && (
                <a class="button" href={`${clipAddress(job)}?download=1`} download>
                    <Icon name="down" size={16} /> {t('download')}
                </a>
            )}
            {may('generate') && (
                <button
                    type="button"
                    onClick={() => {
                        remix(job);
                        go('/');
                        toast(t('job.remixed'));
                    }}
                >
                    <Icon name="remix" size={16} /> {t('job.remix')}
                </button>
            )}
            {done && may('generate') && (
                <button type="button" onClick={() => extend(job)}>
                    <Icon name="extend" size={16} /> {t('job.extend')}
                </button>
            )}
            {done && !props.short && may('generate') && (
                <>
                    <button type="button" onClick={() => frameUse(job, now(), 'first', 'now')}>
                        <Icon name="picture" size={16} /> {t('job.asFirst')}
                    </button>
                    <button type="button" onClick={() => frameUse(job, now(), 'last', 'now')}>
                        <Icon name="picture" size={16} /> {t('job.asLast')}
                    </button>
                </>
            )}
            {!props.short && model && (
                <button type="button" onClick={() => setCode(true)}>
                    <Icon name="code" size={16} /> {t('code.copyAs')}
                </button>
            )}
            {!isActive(job) && may('generate') && (
                <button
                    type="button"
                    class="danger"
                    onClick={() => {
                        void jobDelete(job);
                        props.onGone?.();
                    }}
                >
                    <Icon name="trash" size={16} /> {t('delete')}
                </button>
            )}
            {code && model && <CodeDialog request={requestOfJob(job)} model={model} mode={job.mode ?? 'text'} onClose={() => setCode(false)} />}
        </div>
    );
}

/** The request that would make this job again. */
export function requestOfJob(job: Job) {
    const of = (role: string) => job.inputs.filter((row) => row.role === role).map((row) => row.file_id);
    const references = job.inputs
        .filter((row) => row.role.startsWith('reference_'))
        .map((row) => ({ type: row.role.slice('reference_'.length) as 'image' | 'video' | 'audio', source: row.file_id }));
    return {
        model: job.model,
        ...(job.prompt ? { prompt: job.prompt } : {}),
        ...(job.negative_prompt ? { negative_prompt: job.negative_prompt } : {}),
        ...(job.resolution ? { resolution: job.resolution } : {}),
        ...(job.seconds ? { seconds: job.seconds } : {}),
        ...(job.ratio && job.ratio !== 'adaptive' ? { ratio: job.ratio } : {}),
        ...(job.seed !== null ? { seed: job.seed } : {}),
        ...(job.settings?.steps ? { steps: job.settings.steps } : {}),
        ...(job.settings?.guidance ? { guidance: job.settings.guidance } : {}),
        ...(job.settings?.optimizer === 'off' ? { optimizer: false } : {}),
        ...(job.settings?.watermark ? { watermark: true } : {}),
        ...(of('first_frame')[0] ? { first_frame: of('first_frame')[0] } : {}),
        ...(of('last_frame')[0] ? { last_frame: of('last_frame')[0] } : {}),
        ...(of('subject').length ? { subjects: of('subject') } : {}),
        ...(references.length ? { references } : {}),
    };
}
