// What the whole page knows: who is signed in, the models, what is to be told.
import { get, onSignedOut, sessionClose, sessionGet, sessionOpen } from './api';
import { Store } from './store';
import type { Account, Model, Session } from './types';

/** undefined: not known yet; null: nobody. */
export const session = new Store<Session | null | undefined>(undefined);
export const models = new Store<Model[]>([]);
export const account = new Store<Account | null>(null);
export const offline = new Store(false);

onSignedOut(() => session.set(null));

export async function sessionStart(): Promise<void> {
    const link = /^#signin=([A-Za-z0-9_=.-]+)$/.exec(location.hash)?.[1];
    if (link) history.replaceState(null, '', location.pathname + location.search); // not to be kept or shown
    try {
        session.set(link ? await sessionOpen({ link }) : await sessionGet());
    } catch {
        session.set(null);
        if (link) signInProblem.set('link');
    }
}

export const signInProblem = new Store<'' | 'link'>('');

export async function signIn(key: string): Promise<void> {
    session.set(await sessionOpen({ key }));
}

export async function signOut(): Promise<void> {
    try {
        await sessionClose();
    } finally {
        account.set(null);
        models.set([]);
        session.set(null);
    }
}

export const may = (scope: string) => {
    const scopes = session.value?.key.scopes ?? [];
    return scopes.includes(scope) || scopes.includes('admin');
};

export async function modelsLoad(): Promise<void> {
    const list = await get<{ data: Model[] }>('/conch/v1/models');
    models.set(list.data);
}

export async function accountLoad(): Promise<void> {
    if (may('usage') || may('read')) account.set(await get<Account>('/conch/v1/account'));
}

export const modelOf = (id: string | null | undefined) =>
    models.value.find((model) => model.id === id) ?? models.value.find((model) => model.name === id || model.alias === id);

// ---- what is told ----

export interface Toast {
    id: number;
    text: string;
    bad?: boolean;
    action?: { label: string; run: () => void };
}

export const toasts = new Store<Toast[]>([]);
let toastNext = 1;

export function toast(text: string, more: Omit<Toast, 'id' | 'text'> = {}): void {
    const id = toastNext++;
    toasts.update((list) => [...list.slice(-2), { id, text, ...more }]);
    setTimeout(() => toastClose(id), more.action || more.bad ? 10000 : 4000);
}

export function toastClose(id: number): void {
    toasts.update((list) => list.filter((row) => row.id !== id));
}

/** For those who listen to the page: a polite line. */
export const spoken = new Store('');
export const say = (text: string) => spoken.set(text);
