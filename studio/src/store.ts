// A value that parts of the page watch. Nothing more is needed here than this and preact's hooks.
import { useEffect, useReducer } from 'preact/hooks';

export class Store<T> {
    private readonly watchers = new Set<() => void>();
    constructor(private held: T) {}
    get value(): T {
        return this.held;
    }
    set(value: T): void {
        if (value === this.held) return;
        this.held = value;
        for (const watch of [...this.watchers]) watch();
    }
    update(change: (value: T) => T): void {
        this.set(change(this.held));
    }
    watch(run: () => void): () => void {
        this.watchers.add(run);
        return () => this.watchers.delete(run);
    }
}

export function useStore<T>(store: Store<T>): T {
    const [, redraw] = useReducer((n: number) => n + 1, 0);
    useEffect(() => store.watch(() => redraw(0)), [store]);
    return store.value;
}

/** What the browser keeps; a private window may refuse. */
export function kept<T>(name: string, otherwise: T): T {
    try {
        const text = localStorage.getItem('conch.' + name);
        return text === null ? otherwise : (JSON.parse(text) as T);
    } catch {
        return otherwise;
    }
}

export function keep(name: string, value: unknown): void {
    try {
        if (value === null || value === undefined) localStorage.removeItem('conch.' + name);
        else localStorage.setItem('conch.' + name, JSON.stringify(value));
    } catch {
        // then it lasts as long as the page
    }
}
