// The request on the page as code.
import { useEffect, useState } from 'preact/hooks';
import { post } from '../api';
import { codeOf, DIALECTS, dialectNames, LANGUAGES, type Dialect, type Language } from '../copyas';
import { keep, kept } from '../store';
import { t } from '../text';
import type { JobRequest, Mode, Model } from '../types';
import { CopyButton, Dialog, Segments, Tabs } from './ui';

const languageNames: Record<Language, string> = { curl: 'curl', python: 'Python', javascript: 'JavaScript' };

/** Addresses that work without a key, for the formats that know no ids of files. */
function useLinks(request: JobRequest): Record<string, string> {
    const [links, setLinks] = useState<Record<string, string>>({});
    const ids = [request.first_frame, request.last_frame, ...(request.subjects ?? []), ...(request.references ?? []).map((row) => row.source)].filter(
        (id): id is string => !!id && /^\d+$/.test(id),
    );
    useEffect(() => {
        for (const id of new Set(ids))
            post<{ url: string }>(`/conch/v1/files/${id}/link`)
                .then(({ url }) => setLinks((old) => ({ ...old, [id]: url })))
                .catch(() => {});
    }, [ids.join()]);
    return links;
}

export function CodeDialog(props: { request: JobRequest; model: Model; mode: Mode; onClose: () => void }) {
    const [dialect, setDialect] = useState<Dialect>(kept<Dialect>('dialect', 'conch'));
    const [language, setLanguage] = useState<Language>(kept<Language>('codeLanguage', 'curl'));
    const links = useLinks(props.request);
    const { code, left } = codeOf({ ...props, links }, dialect, language, location.origin);
    useEffect(() => {
        keep('dialect', dialect);
        keep('codeLanguage', language);
    }, [dialect, language]);
    return (
        <Dialog title={t('code.title')} wide onClose={props.onClose} footer={<CopyButton text={code} primary />}>
            <Tabs
                label={t('code.dialect')}
                value={dialect}
                tabs={DIALECTS.map((value) => ({ value, label: dialectNames[value] }))}
                onChange={setDialect}
            >
                <Segments
                    label={t('code.language')}
                    hideLabel
                    name="code-language"
                    value={language}
                    options={LANGUAGES.map((value) => ({ value, label: languageNames[value] }))}
                    onChange={setLanguage}
                />
                {left.length > 0 && <p class="notice">{t('code.left', { dialect: dialectNames[dialect], fields: left.join(', ') })}</p>}
                <pre class="code" tabIndex={0} aria-label={t('code.title')}>
                    <code>{code}</code>
                </pre>
            </Tabs>
        </Dialog>
    );
}
