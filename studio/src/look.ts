// Light or dark: as the system has it, or as chosen.
import { keep, kept, Store } from './store';

export type Theme = 'auto' | 'light' | 'dark';
export const theme = new Store<Theme>(kept<Theme>('theme', 'auto'));
/** What it is at the moment. */
export const look = new Store<'light' | 'dark'>('light');

const dark = matchMedia('(prefers-color-scheme: dark)');
function apply(): void {
    look.set(theme.value === 'auto' ? (dark.matches ? 'dark' : 'light') : theme.value);
    document.documentElement.dataset['theme'] = look.value;
}
theme.watch(() => {
    keep('theme', theme.value === 'auto' ? null : theme.value);
    apply();
});
dark.addEventListener('change', apply);
apply();
