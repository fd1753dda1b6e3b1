// One job with every fact.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { ApiError, get } from '../api';
import { amount, between, bytes, clock, span, time, usd } from '../format';
import { jobLoad, useEvents, useJob } from '../live';
import { Clip } from '../parts/clip';
import { JobActions } from '../parts/jobactions';
import { CopyButton, JobBadges, modeName, Problem, Sandbox, Spinner, StateBadge, useTitle } from '../parts/ui';
import { go, place } from '../router';
import { modelOf, models } from '../state';
import { useStore } from '../store';
import { t, type TextKey } from '../text';
import type { Job, JobEvent, List } from '../types';

function Fact({ name, children, test }: { name: string; children: ComponentChildren; test?: string }) {
    return (
        <div class="fact">
            <dt>{name}</dt>
            <dd data-test={test}>{children}</dd>
        </div>
    );
}

function Prompts({ job }: { job: Job }) {
    const changed = job.prompt_used !== null && job.prompt_used !== job.prompt;
    return (
        <section class="prompts" aria-label={t('create.prompt')}>
            {job.prompt && (
                <div class="prompt-block">
                    <div class="row spread">
                        <h2>{t('job.prompt')}</h2>
                        <CopyButton text={job.prompt} />
                    </div>
                    <p data-test="prompt">{job.prompt}</p>
                </div>
            )}
            {changed && (
                <div class="prompt-block used">
                    <div class="row spread">
                        <h2>{t('job.promptUsed')}</h2>
                        <CopyButton text={job.prompt_used!} />
                    </div>
                    <p data-test="prompt-used">{job.prompt_used}</p>
                </div>
            )}
            {job.negative_prompt && (
                <div class="prompt-block">
                    <h2>{t('create.negative')}</h2>
                    <p>{job.negative_prompt}</p>
                </div>
            )}
            {job.notes.length > 0 && (
                <ul class="notes">
                    {job.notes.map((note) => (
                        <li key={note}>{note}</li>
                    ))}
                </ul>
            )}
            {job.inputs.length > 0 && (
                <div class="inputs">
                    {job.inputs.map((input) => (
                        <figure key={input.file_id + input.role}>
                            {input.role === 'reference_video' ? (
                                <video src={`/conch/v1/files/${input.file_id}/content`} muted controls preload="metadata" aria-label={t(`role.${input.role}` as TextKey)} />
                            ) : input.role === 'reference_audio' ? (
                                <audio src={`/conch/v1/files/${input.file_id}/content`} controls aria-label={t(`role.${input.role}` as TextKey)} />
                            ) : (
                                <img src={`/conch/v1/files/${input.file_id}/content`} alt={t(`role.${input.role}` as TextKey)} loading="lazy" />
                            )}
                            <figcaption>{t(`role.${input.role}` as TextKey)}</figcaption>
                        </figure>
                    ))}
                </div>
            )}
        </section>
    );
}

function Facts({ job }: { job: Job }) {
    const wait = between(job.created_at, job.started_at), run = between(job.started_at, job.finished_at);
    const asked = modelOf(job.model)?.name ?? job.model;
    return (
        <dl class="facts">
            <Fact name={t('job.state')}>
                <StateBadge state={job.state} />
            </Fact>
            <Fact name={t('job.model')}>{asked}</Fact>
            <Fact name={t('job.servedBy')} test="served-by">
                {job.served_by} {job.sandbox && <Sandbox by={job.served_by} />}
            </Fact>
            {job.mode && <Fact name={t('gallery.mode')}>{modeName(job.mode)}</Fact>}
            {job.width && job.height && (
                <Fact name={t('create.size')}>
                    {job.width} × {job.height}
                    {job.fps ? `, ${job.fps} fps` : ''}
                    {job.resolution ? ` (${job.resolution})` : ''}
                </Fact>
            )}
            {job.seconds && <Fact name={t('create.seconds')}>{job.video?.duration_seconds ? `${job.video.duration_seconds.toFixed(2)} s` : `${job.seconds} s`}</Fact>}
            {job.seed !== null && (
                <Fact name={t('create.seed')} test="seed">
                    {job.seed}
                </Fact>
            )}
            {job.settings?.steps && <Fact name={t('create.steps')}>{job.settings.steps}</Fact>}
            {job.settings?.guidance && <Fact name={t('create.guidance')}>{job.settings.guidance}</Fact>}
            {job.settings?.optimizer === 'off' && <Fact name={t('create.optimizer')}>{t('job.optimizerOff')}</Fact>}
            <Fact name={t('job.created')}>{time(job.created_at)}</Fact>
            {wait !== null && <Fact name={t('job.waited')}>{span(wait)}</Fact>}
            {run !== null && <Fact name={t('job.took')}>{span(run)}</Fact>}
            {job.attempts > 1 && <Fact name={t('job.attempts')}>{job.attempts}</Fact>}
            <Fact name={t('job.cost')} test="cost">
                {(job.price.charged ?? job.price.quoted) > 0 ? amount(job.price.charged ?? job.price.quoted, job.price.unit) : t('free')}
                {job.price.list_microusd ? <span class="dim"> {t('price.list', { price: usd(job.price.list_microusd) })}</span> : null}
            </Fact>
            {job.video && (
                <Fact name={t('job.file')}>
                    {bytes(job.video.bytes)}
                    {job.video.expires_at && <span class="dim"> {t('job.until', { time: time(job.video.expires_at) })}</span>}
                </Fact>
            )}
            <Fact name={t('job.dialect')}>{job.dialect}</Fact>
            <Fact name={t('job.id')}>
                <code>{job.id}</code>
            </Fact>
            {job.note && (
                <Fact name={t('review.note')} test="note">
                    {job.note}
                </Fact>
            )}
            {Object.entries(job.metadata).map(([name, value]) => (
                <Fact key={name} name={name}>
                    {value}
                </Fact>
            ))}
        </dl>
    );
}

function Events({ id, state }: { id: string; state: string }) {
    const [list, setList] = useState<JobEvent[]>([]);
    useEffect(() => {
        get<List<JobEvent>>(`/conch/v1/jobs/${id}/events?format=json&limit=200`)
            .then((page) => setList(page.data))
            .catch(() => {});
    }, [id, state]);
    useEvents(
        useCallback(
            (event: JobEvent) => {
                if (event.job_id === id && event.id) setList((old) => (old.some((row) => row.id === event.id) ? old : [...old, event]));
            },
            [id],
        ),
    );
    if (!list.length) return null;
    return (
        <section class="events" aria-label={t('job.events')}>
            <h2>{t('job.events')}</h2>
            <ol>
                {list.filter((event) => !['job.progress', 'job.lease'].includes(event.type)).map((event) => (
                    <li key={event.id}>
                        <time dateTime={event.at}>{clock(event.at)}</time>
                        <span>{t(`event.${event.type.replace('job.', '')}` as TextKey)}</span>
                        {event.attempt > 1 && <span class="dim">{t('job.attempt', { n: event.attempt })}</span>}
                        {event.message && <span class="dim">{event.message}</span>}
                    </li>
                ))}
            </ol>
        </section>
    );
}

export function JobPage() {
    useStore(models);
    const { id } = useStore(place);
    const job = useJob(id);
    const video = useRef<HTMLVideoElement>(null);
    const [error, setError] = useState<ApiError | null>(null);
    useTitle(job?.prompt?.slice(0, 60) ?? t('job.title'));
    useEffect(() => {
        setError(null);
        jobLoad(id).catch((problem) => problem instanceof ApiError && setError(problem));
    }, [id]);
    if (!job) return error ? <Problem text={error.status === 404 ? t('job.missing') : error.message} /> : <Spinner />;
    return (
        <div class="job" data-state={job.state}>
            <div class="job-main">
                <h1 class="hidden">{t('job.title')}</h1>
                <Clip job={job} video={video} autoplay />
                <div class="row wrap">
                    <JobBadges job={job} />
                </div>
                <JobActions job={job} video={video} onGone={() => go('/studio/gallery')} />
            </div>
            <div class="job-side">
                <Prompts job={job} />
                <Facts job={job} />
                <Events id={job.id} state={job.state} />
            </div>
        </div>
    );
}
