// Addresses: / is Create, everything else lies below /studio/. The server answers each with the same page.
import { Store } from './store';

export interface Place {
    page: string; // "create", "gallery", "job", ...
    id: string; // of a job page
    query: URLSearchParams;
}

const pages = ['gallery', 'compare', 'models', 'usage', 'settings'];

function read(): Place {
    const query = new URLSearchParams(location.search);
    const parts = location.pathname.split('/').filter(Boolean);
    if (parts[0] !== 'studio' || parts.length === 1) return { page: location.pathname === '/' || parts.length === 1 ? 'create' : 'lost', id: '', query };
    if (parts[1] === 'jobs' && parts[2]) return { page: 'job', id: parts[2], query };
    return { page: pages.includes(parts[1] ?? '') ? parts[1]! : 'lost', id: '', query };
}

export const place = new Store<Place>(read());

export function go(path: string, replace = false): void {
    if (replace) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
    place.set(read());
    if (!replace) scrollTo(0, 0);
}

export const jobPath = (id: string) => `/studio/jobs/${id}`;

addEventListener('popstate', () => place.set(read()));

// Links of this page are followed without loading it again.
document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.hash && link.pathname === location.pathname) return;
    if (link.pathname !== '/' && !link.pathname.startsWith('/studio')) return;
    event.preventDefault();
    go(link.pathname + link.search);
});
