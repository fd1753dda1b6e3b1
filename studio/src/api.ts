// Calls of the server's native interface with the session's cookie. Every refusal is an ApiError in the server's words.
import type { List, Session } from './types';

export class ApiError extends Error {
    constructor(
        readonly status: number, // 0: no answer came
        readonly code: string,
        message: string,
        readonly field: string | null = null,
        readonly allowed: string | null = null,
        readonly retryAfter: number | null = null,
    ) {
        super(message);
    }
}

let csrf = '';
let signedOut: () => void = () => {};

/** What is to happen when the server no longer knows the session. */
export function onSignedOut(run: () => void): void {
    signedOut = run;
}

async function refusal(response: Response): Promise<ApiError> {
    try {
        const { error } = await response.json();
        return new ApiError(response.status, error.code, error.message, error.field, error.allowed, error.retry_after);
    } catch {
        return new ApiError(response.status, 'http', `${response.status} ${response.statusText}`);
    }
}

export interface CallOptions {
    signal?: AbortSignal;
    once?: string; // Idempotency-Key
}

export async function call<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    const form = body instanceof FormData;
    if (body !== undefined && !form) headers['Content-Type'] = 'application/json';
    if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
    if (options.once) headers['Idempotency-Key'] = options.once;
    let response: Response;
    try {
        response = await fetch(path, {
            method,
            headers,
            body: body === undefined ? null : form ? body : JSON.stringify(body),
            credentials: 'same-origin',
            cache: 'no-store',
            signal: options.signal ?? null,
        });
    } catch (error) {
        if ((error as Error).name === 'AbortError') throw error;
        throw new ApiError(0, 'offline', 'offline');
    }
    if (response.ok) return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
    const error = await refusal(response);
    if (response.status === 401 && path !== '/conch/v1/session') signedOut();
    throw error;
}

export const get = <T>(path: string, options?: CallOptions) => call<T>('GET', path, undefined, options);
export const post = <T>(path: string, body: unknown = {}, options?: CallOptions) =>
    call<T>('POST', path, body, options);
export const remove = <T>(path: string) => call<T>('DELETE', path);

/** /path?name=value of what is not empty. */
export function address(path: string, query: Record<string, string | number | null | undefined>): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
        if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
    const text = search.toString();
    return text ? `${path}?${text}` : path;
}

/** Rows of all pages, at most `limit`. */
export async function all<T>(path: string, limit = 1000): Promise<T[]> {
    const rows: T[] = [];
    let before: string | null = null;
    do {
        const page: List<T> = await get<List<T>>(address(path, { limit: 200, before }));
        rows.push(...page.data);
        before = page.has_more ? page.next : null;
    } while (before && rows.length < limit);
    return rows;
}

// ---- the session ----

/** What the server says of a session; without one all of it is null. */
type Told = { [name in keyof Session]: Session[name] | null };

function keep(told: Told): Session | null {
    csrf = told.csrf ?? '';
    return told.key && told.csrf ? { csrf: told.csrf, key: told.key } : null;
}

export const sessionGet = async () => keep(await get<Told>('/conch/v1/session'));
export const sessionOpen = async (proof: { key: string } | { link: string }) =>
    keep(await post<Told>('/conch/v1/session', proof));
export async function sessionClose(): Promise<void> {
    await remove('/conch/v1/session');
    csrf = '';
}

/** A key for requests that must not happen twice. */
export const onceKey = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

/** Sends a picture; progress 0 to 1. fetch tells nothing while it sends, XMLHttpRequest does. */
export function upload<T>(file: Blob, name: string, progress: (part: number) => void): Promise<T> {
    return new Promise((resolve, reject) => {
        const form = new FormData();
        form.append('purpose', 'video_generation_input');
        form.append('file', file, name);
        const request = new XMLHttpRequest();
        request.open('POST', '/conch/v1/files');
        request.setRequestHeader('X-CSRF-Token', csrf);
        request.responseType = 'json';
        request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
        request.onerror = () => reject(new ApiError(0, 'offline', 'offline'));
        request.onload = () => {
            const answer = request.response;
            if (request.status < 300 && answer) resolve(answer as T);
            else
                reject(
                    new ApiError(
                        request.status,
                        answer?.error?.code ?? 'http',
                        answer?.error?.message ?? `${request.status}`,
                        answer?.error?.field,
                    ),
                );
        };
        request.send(form);
    });
}
