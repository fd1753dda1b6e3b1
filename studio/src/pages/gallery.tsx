// The gallery: what was made, newest first, without an end.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { address, get } from '../api';
import { ago } from '../format';
import { isActive, jobs, jobsPut, useEvents } from '../live';
import { clipAddress, posterAddress, stillMotion } from '../parts/clip';
import { gone } from '../parts/jobactions';
import { Icon } from '../parts/icons';
import { JobBadges, modeName, Problem, Spinner, useTitle } from '../parts/ui';
import { go, jobPath, place } from '../router';
import { modelOf, models } from '../state';
import { Store, useStore } from '../store';
import { t, type TextKey } from '../text';
import type { Job, JobEvent, List } from '../types';

const PAGE = 24;
const FILTERS = ['q', 'model', 'mode', 'state', 'accepted', 'from', 'until'] as const;
type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

/** Jobs chosen for comparison. */
export const chosen = new Store<string[]>([]);

const read = (query: URLSearchParams): Filters => Object.fromEntries(FILTERS.flatMap((name) => (query.get(name) ? [[name, query.get(name)!]] : [])));

/** The day after, as the server's `until` does not include it. */
function dayAfter(day: string): string {
    const date = new Date(day + 'T00:00:00Z');
    date.setUTCDate(date.getUTCDate() + 1);
    return date.toISOString().slice(0, 10);
}

const queryOf = (filters: Filters) => ({ ...filters, until: filters.until ? dayAfter(filters.until) : undefined, task: 'generation' });

interface Loaded {
    ids: string[];
    next: string | null;
    more: boolean;
    total: number | null;
}

/** Pages of the list; a change of filters begins anew. */
function useList(filters: Filters) {
    const key = JSON.stringify(filters);
    const [loaded, setLoaded] = useState<Loaded | null>(null);
    const [error, setError] = useState('');
    const turn = useRef(0);
    const busy = useRef(false);
    const load = useCallback(
        async (before: string | null) => {
            const mine = before ? turn.current : ++turn.current;
            if (before && busy.current) return;
            busy.current = true;
            try {
                const page = await get<List<Job>>(address('/conch/v1/jobs', { ...queryOf(filters), limit: PAGE, before, total: before ? null : 1 }));
                if (mine !== turn.current) return;
                jobsPut(page.data);
                const ids = page.data.map((job) => job.id);
                setLoaded((old) => ({
                    ids: before && old ? [...old.ids, ...ids.filter((id) => !old.ids.includes(id))] : ids,
                    next: page.next,
                    more: page.has_more,
                    total: before ? (old?.total ?? null) : (page.total ?? null),
                }));
                setError('');
            } catch (problem) {
                if (mine === turn.current) setError((problem as Error).message);
            } finally {
                busy.current = false;
            }
        },
        [key],
    );
    useEffect(() => {
        void load(null);
    }, [load]);
    useEffect(() => {
        const out = (event: Event) => setLoaded((old) => old && { ...old, ids: old.ids.filter((id) => id !== (event as CustomEvent).detail), total: old.total === null ? null : old.total - 1 });
        const back = () => void load(null);
        gone.addEventListener('gone', out);
        gone.addEventListener('back', back);
        return () => {
            gone.removeEventListener('gone', out);
            gone.removeEventListener('back', back);
        };
    }, [load]);
    // a job that was just made appears by itself when nothing is filtered
    const plain = key === '{}';
    useEvents(
        useCallback(
            (event: JobEvent) => {
                if (!plain || event.type !== 'job.created') return;
                setLoaded((old) => (old && !old.ids.includes(event.job_id) ? { ...old, ids: [event.job_id, ...old.ids], total: old.total === null ? null : old.total + 1 } : old));
            },
            [plain],
        ),
    );
    return { loaded, error, load };
}

function Tile({ id }: { id: string }) {
    const job = useStore(jobs).get(id);
    const picked = useStore(chosen);
    const [playing, setPlaying] = useState(false);
    const timer = useRef(0);
    if (!job) return null;
    const done = job.state === 'succeeded' && job.video !== null;
    const start = () => {
        if (!done || stillMotion()) return;
        timer.current = window.setTimeout(() => setPlaying(true), 120);
    };
    const stop = () => {
        clearTimeout(timer.current);
        setPlaying(false);
    };
    const isPicked = picked.includes(id);
    return (
        <li class={isPicked ? 'tile picked' : 'tile'} data-job={id} onMouseEnter={start} onMouseLeave={stop} onFocusIn={start} onFocusOut={stop}>
            <a class="tile-link" href={jobPath(id)}>
                <span class="tile-picture">
                    {done && job.poster ? <img src={posterAddress(job)} alt="" loading="lazy" decoding="async" /> : <span class="tile-blank">{!isActive(job) && <Icon name={job.state === 'succeeded' ? 'gallery' : 'close'} size={26} />}</span>}
                    {playing && <video src={clipAddress(job)} muted loop playsInline autoplay aria-hidden="true" />}
                    {isActive(job) && <progress max={1} value={job.state === 'running' ? job.progress : undefined} aria-label={t('live.progress')} />}
                </span>
                <span class="tile-prompt">{job.prompt || t('clip.noPrompt')}</span>
            </a>
            <p class="tile-facts">
                <JobBadges job={job} />
                <span class="dim">
                    {modelOf(job.model)?.name ?? job.model} · {ago(job.created_at)}
                </span>
            </p>
            {done && (
                <label class="tile-pick">
                    <input
                        type="checkbox"
                        checked={isPicked}
                        disabled={!isPicked && picked.length >= 4}
                        aria-label={t('gallery.pick', { name: (job.prompt ?? id).slice(0, 60) })}
                        onChange={() => chosen.update((old) => (old.includes(id) ? old.filter((row) => row !== id) : [...old, id]))}
                    />
                    <span aria-hidden="true">
                        <Icon name="compare" size={16} />
                    </span>
                </label>
            )}
        </li>
    );
}

/** Arrow keys go from picture to picture as they lie on the page. */
function arrows(event: KeyboardEvent): void {
    const from = (event.target as Element).closest('.tile-link');
    if (!from || !event.key.startsWith('Arrow')) return;
    const links = [...document.querySelectorAll<HTMLElement>('.tile-link')];
    const at = links.indexOf(from as HTMLElement), here = from.getBoundingClientRect();
    let next: HTMLElement | undefined;
    if (event.key === 'ArrowRight') next = links[at + 1];
    else if (event.key === 'ArrowLeft') next = links[at - 1];
    else {
        const down = event.key === 'ArrowDown';
        const rest = down ? links.slice(at + 1) : links.slice(0, at).reverse();
        next = rest.find((link) => {
            const box = link.getBoundingClientRect();
            return Math.abs(box.left - here.left) < 8 && (down ? box.top > here.top + 8 : box.top < here.top - 8);
        });
    }
    if (!next) return;
    event.preventDefault();
    next.focus();
}

function FilterBar({ filters, onChange }: { filters: Filters; onChange: (part: Filters) => void }) {
    const [q, setQ] = useState(filters.q ?? '');
    const [open, setOpen] = useState(false);
    const timer = useRef(0);
    useEffect(() => setQ(filters.q ?? ''), [filters.q]);
    useEffect(() => () => clearTimeout(timer.current), []);
    const search = (text: string) => {
        setQ(text);
        clearTimeout(timer.current);
        timer.current = window.setTimeout(() => onChange({ q: text.trim() || undefined }), 300);
    };
    const select = (name: keyof Filters, label: TextKey, options: [string, string][]) => (
        <label class="filter">
            <span class="label">{t(label)}</span>
            <select name={name} value={filters[name] ?? ''} onChange={(event) => onChange({ [name]: event.currentTarget.value || undefined })}>
                <option value="">{t('gallery.any')}</option>
                {options.map(([value, text]) => (
                    <option key={value} value={value}>
                        {text}
                    </option>
                ))}
            </select>
        </label>
    );
    const used = FILTERS.filter((name) => name !== 'q' && filters[name]).length;
    return (
        <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
            <div class="filters-first">
                <label class="search">
                    <Icon name="search" />
                    <span class="hidden">{t('gallery.search')}</span>
                    <input type="search" name="q" placeholder={t('gallery.search')} value={q} maxLength={200} onInput={(event) => search(event.currentTarget.value)} />
                </label>
                <button type="button" class="filters-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
                    {t('gallery.filters')}
                    {used > 0 && <span class="badge">{used}</span>}
                </button>
            </div>
            <div class={open ? 'filters-rest open' : 'filters-rest'}>
                {select('model', 'create.model', models.value.map((model) => [model.id, model.name]))}
                {select('mode', 'gallery.mode', (['text', 'first_frame', 'last_frame', 'subject', 'reference'] as const).map((mode) => [mode, modeName(mode)]))}
                {select('state', 'gallery.state', [
                    ['succeeded', t('state.succeeded')],
                    ['pending,processing', t('gallery.inProgress')],
                    ['failed', t('state.failed')],
                    ['blocked', t('state.blocked')],
                    ['cancelled', t('state.cancelled')],
                ])}
                {select('accepted', 'review.title', [
                    ['true', t('review.accepted')],
                    ['false', t('review.rejected')],
                    ['none', t('review.none')],
                ])}
                <label class="filter">
                    <span class="label">{t('gallery.from')}</span>
                    <input type="date" name="from" value={filters.from ?? ''} onChange={(event) => onChange({ from: event.currentTarget.value || undefined })} />
                </label>
                <label class="filter">
                    <span class="label">{t('gallery.until')}</span>
                    <input type="date" name="until" value={filters.until ?? ''} onChange={(event) => onChange({ until: event.currentTarget.value || undefined })} />
                </label>
                {used > 0 && (
                    <button type="button" class="ghost" onClick={() => onChange(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}>
                        {t('gallery.clear')}
                    </button>
                )}
            </div>
        </form>
    );
}

function Tray() {
    const picked = useStore(chosen);
    if (!picked.length) return null;
    return (
        <div class="tray" role="region" aria-label={t('nav.compare')}>
            <span>{t('gallery.picked', { n: picked.length })}</span>
            <button type="button" class="ghost" onClick={() => chosen.set([])}>
                {t('gallery.unpick')}
            </button>
            <button type="button" class="primary" disabled={picked.length < 2} onClick={() => go(`/studio/compare?ids=${picked.join(',')}`)}>
                <Icon name="compare" /> {t('nav.compare')}
            </button>
        </div>
    );
}

export function GalleryPage() {
    useTitle(t('nav.gallery'));
    useStore(models);
    const filters = read(useStore(place).query);
    const { loaded, error, load } = useList(filters);
    const end = useRef<HTMLDivElement>(null);
    useEffect(() => {
        if (!end.current || !loaded?.more) return;
        const watch = new IntersectionObserver((rows) => rows.some((row) => row.isIntersecting) && load(loaded.next), { rootMargin: '800px' });
        watch.observe(end.current);
        return () => watch.disconnect();
    }, [loaded, load]);
    // from the address as it is now: what is typed into the search comes a moment later than what is chosen
    const change = (part: Filters) => go(address('/studio/gallery', { ...read(place.value.query), ...part }), true);
    const filtered = Object.keys(filters).length > 0;
    return (
        <div class="gallery">
            <div class="page-head">
                <h1>{t('nav.gallery')}</h1>
                <span class="dim" role="status" data-test="total">
                    {loaded?.total != null ? t('gallery.total', { n: loaded.total }) : ''}
                </span>
            </div>
            <FilterBar filters={filters} onChange={change} />
            {error && <Problem text={error} retry={() => load(null)} />}
            {!loaded && !error && <Spinner />}
            {loaded && loaded.ids.length === 0 && (
                <div class="empty">
                    <p>{t(filtered ? 'gallery.nothing' : 'gallery.empty')}</p>
                    {!filtered && (
                        <a class="button primary" href="/">
                            {t('nav.create')}
                        </a>
                    )}
                </div>
            )}
            {loaded && loaded.ids.length > 0 && (
                <ul class="grid" onKeyDown={arrows}>
                    {loaded.ids.map((id) => (
                        <Tile key={id} id={id} />
                    ))}
                </ul>
            )}
            <div ref={end} class="grid-end">
                {loaded?.more && (
                    <button type="button" onClick={() => load(loaded.next)}>
                        {t('gallery.more')}
                    </button>
                )}
            </div>
            <Tray />
        </div>
    );
}
