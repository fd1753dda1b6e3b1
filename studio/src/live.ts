// Jobs as they stand, kept up to date: one stream of the account's events, resumed behind the last one seen, and a look
// every few seconds at what no event tells (place in the queue, time left).
import { useEffect } from 'preact/hooks';
import { get, sessionGet } from './api';
import { keep, kept, Store, useStore } from './store';
import { offline, say, session } from './state';
import { t } from './text';
import type { Job, JobEvent } from './types';

const EVENTS = ['created', 'claimed', 'started', 'storing', 'stored', 'progress', 'succeeded', 'failed', 'blocked', 'cancelled', 'retried', 'cancel_requested', 'lost', 'found', 'lease'];
const LOOK_MS = 2000;
const CACHE_MAX = 2000;

export const jobs = new Store<Map<string, Job>>(new Map());
const watched = new Map<string, number>(); // id -> how many parts of the page show it
const followers = new Set<(event: JobEvent) => void>();

export const isActive = (job: Job) => !['succeeded', 'failed', 'blocked', 'cancelled'].includes(job.state);

export function jobsPut(list: Job[]): void {
    jobs.update((old) => {
        const map = new Map(old);
        for (const job of list) {
            map.delete(job.id);
            map.set(job.id, job);
        }
        for (const id of map.keys()) {
            if (map.size <= CACHE_MAX) break;
            if (!watched.has(id)) map.delete(id);
        }
        return map;
    });
}

export function jobForget(id: string): void {
    jobs.update((old) => {
        const map = new Map(old);
        map.delete(id);
        return map;
    });
}

const asked = new Map<string, Promise<Job>>();
export function jobLoad(id: string): Promise<Job> {
    const under = asked.get(id);
    if (under) return under;
    const promise = get<Job>(`/conch/v1/jobs/${id}`)
        .then((job) => {
            const before = jobs.value.get(id);
            jobsPut([job]);
            if (before) tell(before, job);
            return job;
        })
        .finally(() => asked.delete(id));
    asked.set(id, promise);
    return promise;
}

/** The job, loaded when it is not known, and followed while somebody shows it. */
export function useJob(id: string): Job | undefined {
    const map = useStore(jobs);
    useEffect(() => {
        if (!id) return;
        watched.set(id, (watched.get(id) ?? 0) + 1);
        if (!jobs.value.has(id)) jobLoad(id).catch(() => {});
        return () => {
            const left = (watched.get(id) ?? 1) - 1;
            if (left) watched.set(id, left);
            else watched.delete(id);
        };
    }, [id]);
    return map.get(id);
}

/** Runs for each event of the account while the page is shown. */
export function useEvents(run: (event: JobEvent) => void): void {
    useEffect(() => {
        followers.add(run);
        return () => void followers.delete(run);
    }, [run]);
}

// ---- spoken: when something begins or ends, and each quarter ----

const quarters = new Map<string, number>();

function tell(before: Job, after: Job): void {
    const name = (after.prompt ?? after.id).slice(0, 60);
    if (before.state !== after.state) {
        if (after.state === 'succeeded') say(t('live.saySucceeded', { name }));
        else if (after.state === 'running') say(t('live.sayRunning', { name }));
        else if (!isActive(after)) say(t('live.sayEnded', { name, state: t(`state.${after.state}`) }));
        return;
    }
    const quarter = Math.floor(after.progress * 4);
    if (after.state === 'running' && quarter > 0 && quarter < 4 && quarters.get(after.id) !== quarter) {
        quarters.set(after.id, quarter);
        say(t('live.sayProgress', { name, percent: quarter * 25 }));
    }
}

// ---- the stream ----

let stream: EventSource | null = null;
let lastId: string | null = null; // the last event seen, of this account: another server begins anew
let wait = 1000;
let timer = 0;
let on = false;

const stale = new Map<string, number>();

/** Reads a job again soon; several wishes at once are one. */
function refresh(id: string): void {
    if (stale.has(id)) return;
    stale.set(
        id,
        window.setTimeout(() => {
            stale.delete(id);
            jobLoad(id).catch(() => {});
        }, 120),
    );
}

function take(message: MessageEvent<string>): void {
    let event: JobEvent;
    try {
        event = JSON.parse(message.data);
    } catch {
        return;
    }
    if (event.id && (!lastId || Number(event.id) > Number(lastId))) {
        lastId = event.id;
        keep('event', { account: session.value?.key.account_id, id: lastId });
    }
    const job = jobs.value.get(event.job_id);
    if (job && event.type === 'job.progress' && job.state === event.state) {
        const next = { ...job, progress: event.progress, phase: event.phase ?? job.phase, step: event.step ?? job.step, steps: event.steps ?? job.steps };
        jobsPut([next]);
        tell(job, next);
    } else if (job || event.type === 'job.created') {
        refresh(event.job_id);
    }
    for (const run of [...followers]) run(event);
}

function connect(): void {
    clearTimeout(timer);
    stream?.close();
    stream = new EventSource(lastId ? `/conch/v1/events?after=${lastId}` : '/conch/v1/events');
    const mine = stream;
    for (const name of EVENTS) mine.addEventListener('job.' + name, take as (event: Event) => void);
    mine.onopen = () => {
        wait = 1000;
        offline.set(false);
        lookAll();
    };
    mine.onerror = () => {
        offline.set(true);
        if (mine.readyState !== EventSource.CLOSED || mine !== stream) return; // the browser tries again by itself
        sessionGet().then((found) => found ?? session.set(null), () => {}); // it was refused: perhaps for that
        clearTimeout(timer);
        timer = window.setTimeout(connect, wait);
        wait = Math.min(wait * 2, 15000);
    };
}

function disconnect(): void {
    clearTimeout(timer);
    stream?.close();
    stream = null;
}

function lookAll(): void {
    for (const id of watched.keys()) {
        const job = jobs.value.get(id);
        if (!job || isActive(job)) jobLoad(id).catch(() => {});
    }
}

let looking = 0;

/** Follows while the page is seen: a browser lends each server only six connections for all its windows. */
export function liveStart(): void {
    if (on) return;
    on = true;
    const seen = kept<{ account?: string; id?: string } | null>('event', null);
    lastId = seen?.account === session.value?.key.account_id ? (seen?.id ?? null) : null;
    const match = () => {
        if (document.hidden) disconnect();
        else if (!stream && on) connect();
    };
    document.addEventListener('visibilitychange', match);
    match();
    looking = window.setInterval(() => !document.hidden && lookAll(), LOOK_MS);
}

export function liveStop(): void {
    on = false;
    clearInterval(looking);
    disconnect();
    lastId = null;
    keep('event', null);
    jobs.set(new Map());
}
