// The door: a key is shown once, then a cookie that no script can read stands for it.
import { useState } from 'preact/hooks';
import { ApiError } from '../api';
import { Shell } from '../parts/icons';
import { Field, useTitle } from '../parts/ui';
import { signIn, signInProblem } from '../state';
import { useStore } from '../store';
import { language, t } from '../text';

export function SignInPage() {
    useTitle(t('signIn'));
    const words = useStore(language);
    const link = useStore(signInProblem);
    const [key, setKey] = useState('');
    const [problem, setProblem] = useState('');
    const [busy, setBusy] = useState(false);
    const enter = async () => {
        if (!key.trim()) {
            setProblem(t('signIn.empty'));
            return;
        }
        setBusy(true);
        try {
            await signIn(key.trim());
            signInProblem.set('');
        } catch (error) {
            setProblem(error instanceof ApiError && error.status === 401 ? t('signIn.wrong') : error instanceof ApiError && error.code === 'offline' ? t('offline') : (error as Error).message);
            setBusy(false);
        }
    };
    return (
        <main class="door" id="main">
            <form
                class="door-box"
                onSubmit={(event) => {
                    event.preventDefault();
                    void enter();
                }}
            >
                <p class="brand">
                    <Shell size={34} /> Conch
                </p>
                <h1>{t('signIn.title')}</h1>
                <p class="dim">{t('signIn.how')}</p>
                {link && !problem && (
                    <p class="notice" role="status">
                        {t('signIn.link')}
                    </p>
                )}
                <Field label={t('signIn.key')} problem={problem}>
                    {(id, described) => (
                        <input
                            id={id}
                            name="key"
                            type="password"
                            autocomplete="current-password"
                            spellcheck={false}
                            autofocus
                            aria-describedby={described}
                            aria-invalid={!!problem}
                            value={key}
                            onInput={(event) => {
                                setKey(event.currentTarget.value);
                                setProblem('');
                            }}
                        />
                    )}
                </Field>
                <button type="submit" class="primary" disabled={busy}>
                    {t('signIn')}
                </button>
                <p class="dim small">{t('signIn.where')}</p>
                <pre class="code small">conch studio</pre>
                <button type="button" class="ghost" lang={words === 'zh' ? 'en' : 'zh'} onClick={() => language.set(words === 'zh' ? 'en' : 'zh')}>
                    {words === 'zh' ? 'English' : '中文'}
                </button>
            </form>
        </main>
    );
}
