// Compare: two to four clips, played as one. Blind: nobody knows which is which until the better is kept.
import type { MutableRef } from 'preact/hooks';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { onceKey, post } from '../api';
import { change, draft, draftModel, problemsOf, requestOf, type Draft } from '../draft';
import { isActive, jobs, jobsPut, useJob } from '../live';
import { Clip, stillMotion } from '../parts/clip';
import { jobReview } from '../parts/jobactions';
import { Icon } from '../parts/icons';
import { Field, JobBadges, Segments, Switch, useTitle } from '../parts/ui';
import { go, jobPath, place } from '../router';
import { may, modelOf, models, toast } from '../state';
import { useStore } from '../store';
import { t } from '../text';
import type { Job } from '../types';

const LETTERS = ['A', 'B', 'C', 'D'];
const DRIFT = 0.08; // seconds apart before one is set right

/** Keeps all at the moment of the longest; the others wait at their end. */
function usePlayers(ids: string[]) {
    const videos = useRef(new Map<string, HTMLVideoElement>());
    const [playing, setPlaying] = useState(false);
    const on = useRef(false); // the same, known at once
    const [at, setAt] = useState(0);
    const [length, setLength] = useState(0);
    const [rate, setRate] = useState(1);
    const list = () => ids.flatMap((id) => videos.current.get(id) ?? []).filter((video) => video.readyState >= 1);
    const leader = () => list().sort((a, b) => b.duration - a.duration)[0];

    useEffect(() => {
        for (const video of videos.current.values()) video.playbackRate = rate;
    }, [rate, length]);

    useEffect(() => {
        let frame = 0;
        const tick = () => {
            const first = leader();
            if (first) {
                setLength(first.duration || 0);
                setAt(first.currentTime);
                if (on.current) {
                    if (first.ended) {
                        for (const video of list()) {
                            video.currentTime = 0;
                            video.play().catch(() => {});
                        }
                    } else {
                        if (first.paused) first.play().catch(() => {});
                        for (const video of list()) {
                            if (video === first) continue;
                            const wish = Math.min(first.currentTime, video.duration);
                            if (Math.abs(video.currentTime - wish) > DRIFT && !video.seeking) video.currentTime = wish;
                            if (video.paused && !video.ended && wish < video.duration) video.play().catch(() => {});
                        }
                    }
                }
            }
            frame = requestAnimationFrame(tick);
        };
        frame = requestAnimationFrame(tick);
        return () => cancelAnimationFrame(frame);
    }, [ids.join()]);

    return {
        videos,
        playing,
        at,
        length,
        rate,
        setRate,
        toggle: () => {
            on.current = !on.current;
            if (!on.current) for (const video of list()) video.pause();
            setPlaying(on.current);
        },
        start: () => {
            on.current = true;
            setPlaying(true);
        },
        seek: (time: number) => {
            for (const video of list()) video.currentTime = Math.min(time, video.duration);
            setAt(time);
        },
    };
}

type Players = ReturnType<typeof usePlayers>;

function Side(props: { id: string; letter: string; blind: boolean; winner: string | null; players: Players; onKeep: () => void }) {
    const job = useJob(props.id);
    const ref = useRef<HTMLVideoElement>(null) as MutableRef<HTMLVideoElement | null>;
    useEffect(() => {
        const { videos } = props.players, video = ref.current;
        if (!video) return;
        video.loop = false;
        videos.current.set(props.id, video);
        return () => void videos.current.delete(props.id);
    }, [props.id, job?.state]);
    if (!job) return <div class="side" />;
    const hidden = props.blind && props.winner === null;
    return (
        <article class={props.winner === props.id ? 'side kept' : 'side'} data-job={props.id} aria-label={t('compare.side', { letter: props.letter })}>
            <Clip job={job} video={ref} controls={false} small />
            <div class="side-words">
                <strong class="letter">{props.letter}</strong>
                {hidden ? (
                    <span class="dim">{t('compare.hidden')}</span>
                ) : (
                    <span class="side-facts">
                        <a href={jobPath(job.id)}>{modelOf(job.model)?.name ?? job.model}</a>
                        <span class="dim">
                            {job.seconds} s{job.seed !== null ? ` · ${t('seed', { seed: job.seed })}` : ''}
                        </span>
                        <JobBadges job={job} />
                    </span>
                )}
                {may('generate') && job.state === 'succeeded' && props.winner === null && (
                    <button type="button" onClick={props.onKeep}>
                        <Icon name="check" size={16} /> {t('compare.keep')}
                    </button>
                )}
            </div>
        </article>
    );
}

function Board({ ids }: { ids: string[] }) {
    const map = useStore(jobs);
    const [blind, setBlind] = useState(place.value.query.get('blind') === '1');
    const [rest, setRest] = useState(true);
    const [winner, setWinner] = useState<string | null>(null);
    const order = useMemo(() => {
        if (!blind) return ids;
        const list = [...ids];
        for (let i = list.length - 1; i > 0; i--) {
            const j = crypto.getRandomValues(new Uint32Array(1))[0]! % (i + 1);
            [list[i], list[j]] = [list[j]!, list[i]!];
        }
        return list;
    }, [ids.join(), blind]);
    const players = usePlayers(order);
    const ready = ids.filter((id) => map.get(id)?.state === 'succeeded').length;
    const waiting = ids.some((id) => map.has(id) && isActive(map.get(id)!));
    useEffect(() => {
        if (ready === ids.length && !stillMotion()) players.start();
    }, [ready]);
    const keep = async (id: string) => {
        setWinner(id);
        const of = (other: string) => map.get(other);
        if (of(id)) await jobReview(of(id)!, true);
        if (rest) for (const other of ids) if (other !== id && of(other)?.state === 'succeeded') await jobReview(of(other)!, false, t('compare.note'));
        toast(t('compare.done', { letter: LETTERS[order.indexOf(id)] ?? '' }));
    };
    const prompts = [...new Set(ids.map((id) => map.get(id)?.prompt).filter((text): text is string => !!text))];
    return (
        <>
            {prompts.length === 1 && <p class="compare-prompt">{prompts[0]}</p>}
            <div class={`sides n${ids.length}`}>
                {order.map((id, index) => (
                    <Side key={id} id={id} letter={LETTERS[index]!} blind={blind} winner={winner} players={players} onKeep={() => keep(id)} />
                ))}
            </div>
            <div class="player" role="group" aria-label={t('compare.player')}>
                <button type="button" class="round primary" aria-label={t(players.playing ? 'pause' : 'play')} disabled={!ready} onClick={players.toggle}>
                    <Icon name={players.playing ? 'pause' : 'play'} />
                </button>
                <input
                    type="range"
                    min={0}
                    max={players.length || 1}
                    step={0.01}
                    value={players.at}
                    disabled={!ready}
                    aria-label={t('compare.seek')}
                    aria-valuetext={`${players.at.toFixed(1)} s`}
                    onInput={(event) => players.seek(Number(event.currentTarget.value))}
                />
                <span class="dim time" aria-hidden="true">
                    {players.at.toFixed(1)} / {players.length.toFixed(1)} s
                </span>
                <Segments
                    label={t('compare.rate')}
                    hideLabel
                    value={players.rate}
                    options={[0.25, 0.5, 1].map((value) => ({ value, label: `${value}×` }))}
                    onChange={players.setRate}
                />
            </div>
            <div class="row wrap">
                <Switch label={t('compare.blind')} name="blind" value={blind} onChange={setBlind} />
                <Switch label={t('compare.rest')} value={rest} onChange={setRest} />
                {waiting && <span class="dim">{t('compare.waiting')}</span>}
                <a class="button" href="/studio/compare">
                    {t('compare.again')}
                </a>
            </div>
        </>
    );
}

/** One prompt, two to four models or seeds. */
function Start() {
    const d = useStore(draft);
    const list = useStore(models).filter((model) => model.available && model.modes.includes('text'));
    const present = draftModel(d);
    const [by, setBy] = useState<'models' | 'seeds'>('seeds');
    const [picked, setPicked] = useState<string[]>([]);
    const [count, setCount] = useState(2);
    const [blind, setBlind] = useState(false);
    const [busy, setBusy] = useState(false);
    const text = { ...d, first: null, last: null, subjects: [], references: [] };
    const ids = by === 'models' ? picked : present ? Array<string>(count).fill(present.id) : [];

    const start = async () => {
        const made: Job[] = [];
        const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
        setBusy(true);
        try {
            for (const [index, model] of ids.entries()) {
                const before = draft.value;
                change({ ...text, model, steps: '', guidance: '' } as Partial<Draft>);
                const problem = problemsOf(draft.value)[0], request = requestOf(draft.value);
                draft.set(before);
                if (problem) throw new Error(problem.text);
                request.seed = by === 'seeds' ? (d.seed ? Number(d.seed) : seed) + index : d.seed ? Number(d.seed) : seed;
                made.push(await post<Job>('/conch/v1/jobs', request, { once: onceKey() }));
            }
        } catch (problem) {
            toast((problem as Error).message, { bad: true });
        }
        setBusy(false);
        jobsPut(made);
        if (made.length > 1) go(`/studio/compare?ids=${made.map((job) => job.id).join(',')}${blind ? '&blind=1' : ''}`);
    };

    return (
        <form
            class="compare-start"
            onSubmit={(event) => {
                event.preventDefault();
                void start();
            }}
        >
            <p class="dim">{t('compare.how')}</p>
            <Field label={t('create.prompt')}>
                {(id) => <textarea id={id} rows={3} value={d.prompt} placeholder={t('create.placeholder')} onInput={(event) => change({ prompt: event.currentTarget.value, before: null })} />}
            </Field>
            <Segments
                label={t('compare.by')}
                name="compare-by"
                value={by}
                options={[
                    { value: 'seeds', label: t('compare.seeds', { model: present?.name ?? '' }) },
                    { value: 'models', label: t('compare.models') },
                ]}
                onChange={setBy}
            />
            {by === 'seeds' ? (
                <Segments label={t('create.count')} name="compare-count" value={count} options={[2, 3, 4].map((value) => ({ value, label: String(value) }))} onChange={setCount} />
            ) : (
                <fieldset class="checks">
                    <legend class="label">{t('compare.pick')}</legend>
                    {list.map((model) => (
                        <label key={model.id} class="check">
                            <input
                                type="checkbox"
                                checked={picked.includes(model.id)}
                                disabled={!picked.includes(model.id) && picked.length >= 4}
                                onChange={() => setPicked((old) => (old.includes(model.id) ? old.filter((id) => id !== model.id) : [...old, model.id]))}
                            />
                            <span>{model.name}</span>
                        </label>
                    ))}
                </fieldset>
            )}
            <Switch label={t('compare.blind')} value={blind} onChange={setBlind} />
            <button type="submit" class="primary" disabled={busy || ids.length < 2 || !d.prompt.trim() || !may('generate')}>
                {busy ? t('create.sending') : t('compare.start', { n: Math.max(2, ids.length) })}
            </button>
        </form>
    );
}

export function ComparePage() {
    useTitle(t('nav.compare'));
    useStore(models);
    const ids = [...new Set((useStore(place).query.get('ids') ?? '').split(',').filter((id) => /^\d{1,16}$/.test(id)))].slice(0, 4);
    return (
        <div class="compare">
            <div class="page-head">
                <h1>{t('nav.compare')}</h1>
            </div>
            {ids.length >= 2 ? <Board key={ids.join()} ids={ids} /> : <Start />}
        </div>
    );
}
