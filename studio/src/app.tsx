// The frame around every page.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { amount } from './format';
import { draftFit } from './draft';
import { liveStart, liveStop } from './live';
import { look, theme } from './look';
import { ComparePage } from './pages/compare';
import { CreatePage } from './pages/create';
import { GalleryPage } from './pages/gallery';
import { JobPage } from './pages/job';
import { ModelsPage } from './pages/models';
import { SettingsPage } from './pages/settings';
import { SignInPage } from './pages/signin';
import { UsagePage } from './pages/usage';
import { Icon, Shell, type IconName } from './parts/icons';
import { IconButton, Spinner, useTitle } from './parts/ui';
import { place } from './router';
import { account, accountLoad, modelsLoad, offline, session, sessionStart, spoken, toast, toastClose, toasts } from './state';
import { useStore } from './store';
import { language, t, type TextKey } from './text';

const NAV: [page: string, path: string, icon: IconName][] = [
    ['create', '/', 'create'],
    ['gallery', '/studio/gallery', 'gallery'],
    ['compare', '/studio/compare', 'compare'],
    ['models', '/studio/models', 'models'],
    ['usage', '/studio/usage', 'usage'],
    ['settings', '/studio/settings', 'settings'],
];

function Toasts() {
    const list = useStore(toasts);
    return (
        <div class="toasts" role="status" aria-live="polite">
            {list.map((row) => (
                <div key={row.id} class={row.bad ? 'toast bad' : 'toast'}>
                    <span>{row.text}</span>
                    {row.action && (
                        <button
                            type="button"
                            onClick={() => {
                                row.action!.run();
                                toastClose(row.id);
                            }}
                        >
                            {row.action.label}
                        </button>
                    )}
                    <button type="button" class="toast-close" aria-label={t('close')} onClick={() => toastClose(row.id)}>
                        <Icon name="close" size={14} />
                    </button>
                </div>
            ))}
        </div>
    );
}

const Spoken = () => (
    <div class="hidden" role="log" aria-live="polite" data-test="spoken">
        {useStore(spoken)}
    </div>
);

function Header({ page }: { page: string }) {
    const held = useStore(account);
    const words = useStore(language);
    const shade = useStore(look);
    const dollars = held?.balances.find((row) => row.unit === 'microusd');
    return (
        <header class="top">
            <a class="brand" href="/" aria-label="Conch">
                <Shell /> <span>Conch</span>
            </a>
            <nav class="nav" aria-label={t('nav.label')}>
                {NAV.map(([name, path, icon]) => (
                    <a key={name} href={path} aria-current={page === name || (name === 'gallery' && page === 'job') ? 'page' : undefined}>
                        <Icon name={icon} />
                        <span>{t(`nav.${name}` as TextKey)}</span>
                    </a>
                ))}
            </nav>
            <div class="top-end">
                {dollars && (
                    <a class="money" href="/studio/usage" title={t('money.available')}>
                        {amount(dollars.available, 'microusd')}
                    </a>
                )}
                <button
                    type="button"
                    class="ghost round words"
                    lang={words === 'zh' ? 'en' : 'zh'}
                    aria-label={words === 'zh' ? 'English' : '中文'}
                    title={words === 'zh' ? 'English' : '中文'}
                    onClick={() => language.set(words === 'zh' ? 'en' : 'zh')}
                >
                    {words === 'zh' ? 'EN' : '中'}
                </button>
                <IconButton icon={shade === 'dark' ? 'sun' : 'moon'} label={t(shade === 'dark' ? 'look.toLight' : 'look.toDark')} onClick={() => theme.set(shade === 'dark' ? 'light' : 'dark')} />
            </div>
        </header>
    );
}

function Lost() {
    useTitle(t('lost'));
    return (
        <div class="empty">
            <h1>{t('lost')}</h1>
            <a class="button primary" href="/">
                {t('nav.create')}
            </a>
        </div>
    );
}

const pages: Record<string, () => JSX.Element | null> = {
    create: CreatePage,
    gallery: GalleryPage,
    job: JobPage,
    compare: ComparePage,
    models: ModelsPage,
    usage: UsagePage,
    settings: SettingsPage,
    lost: Lost,
};

/** Another page is another place: the focus goes to its beginning, as it would had it been loaded. */
function useFocusOnPage(page: string): void {
    const first = useRef(true);
    useEffect(() => {
        if (!first.current && !document.querySelector('dialog[open]') && document.activeElement?.id !== 'prompt') document.getElementById('main')?.focus({ preventScroll: true });
        first.current = false;
    }, [page]);
}

function Studio() {
    const { page, id } = useStore(place);
    const away = useStore(offline);
    useFocusOnPage(page + id);
    useEffect(() => {
        const say = (problem: unknown) => toast((problem as Error).message, { bad: true });
        modelsLoad().then(draftFit).catch(say);
        accountLoad().catch(() => {});
        liveStart();
        return liveStop;
    }, []);
    const Page = pages[page] ?? Lost;
    return (
        <>
            <a class="skip" href="#main">
                {t('skip')}
            </a>
            <Header page={page} />
            {away && (
                <p class="away" role="status">
                    {t('away')}
                </p>
            )}
            <main id="main" tabIndex={-1}>
                <Page key={page + id} />
            </main>
            <Spoken />
        </>
    );
}

export function App() {
    const who = useStore(session);
    useStore(language);
    useEffect(() => void sessionStart(), []);
    return (
        <>
            {who === undefined ? (
                <main id="main" class="door">
                    <Spinner />
                </main>
            ) : who === null ? (
                <SignInPage />
            ) : (
                <Studio />
            )}
            <Toasts />
        </>
    );
}
