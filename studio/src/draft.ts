// The request that the Create page is about: kept while one leaves the page or loads it again.
import { upload } from './api';
import { lookAt, nearest, outputOf, pictureProblem, resolutionsOf, secondsOf } from './capability';
import { models, modelOf } from './state';
import { keep, kept, Store } from './store';
import { t } from './text';
import type { Job, JobRequest, Mode, Model, StoredFile } from './types';

export interface Picture {
    key: string;
    fileId: string | null; // on the server
    name: string;
    preview: string; // an address of this page's own, or of the server
    kind: string;
    bytes: number;
    width: number;
    height: number;
    sent: number; // 0 to 1
    problem: string; // of sending; what the model thinks of it is asked each time
}

export type Slot = 'first' | 'last' | 'subject' | 'reference';

export interface Draft {
    model: string;
    prompt: string;
    before: string | null; // the prompt before the optimizer's text was taken over
    negative: string;
    first: Picture | null;
    last: Picture | null;
    subjects: Picture[];
    references: Picture[];
    resolution: string;
    seconds: number;
    ratio: string;
    seed: string;
    count: number;
    optimizer: boolean;
    watermark: boolean;
    steps: string;
    guidance: string;
    from: string | null; // the job it was taken from
}

const empty: Draft = {
    model: '',
    prompt: '',
    before: null,
    negative: '',
    first: null,
    last: null,
    subjects: [],
    references: [],
    resolution: '',
    seconds: 0,
    ratio: '',
    seed: '',
    count: 1,
    optimizer: true,
    watermark: false,
    steps: '',
    guidance: '',
    from: null,
};

function restore(): Draft {
    const saved = { ...empty, ...kept<Partial<Draft>>('draft', {}) };
    const there = (picture: Picture | null) =>
        picture?.fileId ? { ...picture, preview: `/conch/v1/files/${picture.fileId}/content`, problem: '', sent: 1 } : null;
    return {
        ...saved,
        first: there(saved.first),
        last: there(saved.last),
        subjects: saved.subjects.map(there).filter((row) => row !== null),
        references: saved.references.map(there).filter((row) => row !== null),
    };
}

export const draft = new Store<Draft>(restore());
let saving = 0;
draft.watch(() => {
    clearTimeout(saving);
    saving = window.setTimeout(() => keep('draft', draft.value), 250);
});
addEventListener('pagehide', () => keep('draft', draft.value));

export function modeOf(d: Draft): Mode {
    if (d.subjects.length) return 'subject';
    if (d.references.length) return 'reference';
    if (d.last) return 'last_frame';
    return d.first ? 'first_frame' : 'text';
}

/** The model of the draft, or what is best when none is chosen yet. */
export function draftModel(d: Draft): Model | undefined {
    return modelOf(d.model) ?? models.value.find((model) => model.available && model.backend === 'local') ?? models.value.find((model) => model.available) ?? models.value[0];
}

/** Changes the draft, and what follows: sizes and lengths that the model does not have go to the nearest it has. */
export function change(part: Partial<Draft>): void {
    draft.update((old) => fit({ ...old, ...part }));
}

function fit(d: Draft): Draft {
    const model = draftModel(d);
    if (!model) return d;
    const mode = modeOf(d);
    const next = { ...d, model: model.id };
    const resolutions = resolutionsOf(model, mode);
    if (!resolutions.includes(next.resolution))
        next.resolution = resolutions.includes(model.default_resolution ?? '') ? model.default_resolution! : (resolutions[0] ?? '');
    const seconds = secondsOf(model, mode, next.resolution);
    if (!seconds.includes(next.seconds))
        next.seconds = (next.seconds ? nearest(seconds, next.seconds) : seconds.includes(model.default_seconds ?? 0) ? model.default_seconds! : seconds[0]) ?? 0;
    const ratio = outputOf(model, mode, next.resolution, next.seconds)?.ratio ?? 'none';
    if (ratio === 'none' || ratio === 'adaptive') next.ratio = ratio === 'adaptive' ? 'adaptive' : '';
    else if (!model.ratios.includes(next.ratio) && !(ratio === 'optional' && next.ratio === 'adaptive'))
        next.ratio = ratio === 'optional' ? 'adaptive' : model.ratios.includes('16:9') ? '16:9' : (model.ratios[0] ?? '');
    return next;
}

/** To be called when the models have come. */
export const draftFit = () => draft.update(fit);

export interface Problem {
    field: 'prompt' | 'model' | 'first' | 'last' | 'subject' | 'reference' | 'size' | 'seed' | 'steps' | 'guidance';
    text: string;
}

const isWhole = (text: string) => /^\d+$/.test(text.trim());

/** All that the capability table says against the draft, before the server is asked. */
export function problemsOf(d: Draft): Problem[] {
    const model = draftModel(d);
    if (!model) return [];
    const mode = modeOf(d), list: Problem[] = [];
    const characters = [...d.prompt].length;
    if (!model.available) list.push({ field: 'model', text: model.reason ?? t('model.unavailable') });
    if (!d.prompt.trim() && (mode === 'text' || model.prompt_required)) list.push({ field: 'prompt', text: t('check.prompt') });
    if (characters > model.prompt_characters_max)
        list.push({ field: 'prompt', text: t('check.promptLong', { is: characters, max: model.prompt_characters_max }) });
    if (!model.modes.includes(mode)) list.push({ field: modeField(mode), text: modeProblem(model, mode, d) });
    else if ((d.subjects.length || d.references.length) && (d.first || d.last))
        list.push({ field: d.references.length ? 'reference' : 'subject', text: t('check.exclusive') });
    else if (d.last && !d.first && !model.last_frame_alone) list.push({ field: 'last', text: t('check.lastAlone') });
    for (const [field, pictures] of slots(d))
        for (const picture of pictures) {
            const problem = picture.problem || pictureProblemOf(model, picture);
            if (problem) list.push({ field, text: problem });
        }
    if (model.references && d.references.length > model.references.files_max)
        list.push({ field: 'reference', text: t('check.references', { max: model.references.files_max }) });
    if (d.seed && (!isWhole(d.seed) || Number(d.seed) > Number.MAX_SAFE_INTEGER)) list.push({ field: 'seed', text: t('check.seed') });
    if (d.steps && (!isWhole(d.steps) || Number(d.steps) < 1 || Number(d.steps) > 1000)) list.push({ field: 'steps', text: t('check.steps') });
    if (d.guidance && !(Number(d.guidance) > 0 && Number(d.guidance) <= 100)) list.push({ field: 'guidance', text: t('check.guidance') });
    return list;
}

function pictureProblemOf(model: Model, picture: Picture): string {
    if (['mp4', 'mov', 'wav', 'mp3'].includes(picture.kind)) return '';
    return pictureProblem(model.pictures, picture.bytes, picture);
}

const modeField = (mode: Mode): Problem['field'] =>
    mode === 'text' ? 'first' : mode === 'first_frame' ? 'first' : mode === 'last_frame' ? 'last' : mode === 'subject' ? 'subject' : 'reference';

function modeProblem(model: Model, mode: Mode, d: Draft): string {
    const name = model.name;
    if (mode === 'text') return t('check.needsPicture', { model: name });
    if (mode === 'last_frame' && !d.first && model.modes.includes('first_frame')) return t('check.noLast', { model: name });
    return t('check.noMode', { model: name, mode: t(`mode.${mode}`) });
}

export const slots = (d: Draft): [Problem['field'], Picture[]][] => [
    ['first', d.first ? [d.first] : []],
    ['last', d.last ? [d.last] : []],
    ['subject', d.subjects],
    ['reference', d.references],
];

/** Whether a picture is still on its way. */
export const isSending = (d: Draft) => slots(d).some(([, list]) => list.some((row) => !row.fileId && !row.problem));

export function requestOf(d: Draft): JobRequest {
    const model = draftModel(d), request: JobRequest = {};
    if (model) request.model = model.id;
    if (d.prompt.trim()) request.prompt = d.prompt;
    if (d.first?.fileId) request.first_frame = d.first.fileId;
    if (d.last?.fileId) request.last_frame = d.last.fileId;
    if (d.subjects.length) request.subjects = d.subjects.flatMap((row) => row.fileId ?? []);
    if (d.references.length)
        request.references = d.references.flatMap((row) => (row.fileId ? { type: kindOf(row), source: row.fileId } : []));
    if (d.resolution) request.resolution = d.resolution;
    if (d.seconds) request.seconds = d.seconds;
    if (d.ratio && d.ratio !== 'adaptive') request.ratio = d.ratio;
    if (isWhole(d.seed)) request.seed = Number(d.seed);
    if (!d.optimizer) request.optimizer = false;
    if (d.watermark) request.watermark = true;
    if (isLocal(model)) {
        if (d.negative.trim()) request.negative_prompt = d.negative;
        if (isWhole(d.steps)) request.steps = Number(d.steps);
        if (Number(d.guidance) > 0) request.guidance = Number(d.guidance);
    }
    return request;
}

export const isLocal = (model: Model | undefined) => model?.backend === 'local';

export const kindOf = (picture: Picture): 'image' | 'video' | 'audio' =>
    ['mp4', 'mov'].includes(picture.kind) ? 'video' : ['wav', 'mp3'].includes(picture.kind) ? 'audio' : 'image';

// ---- pictures of the draft ----

function replace(slot: Slot, key: string, make: (old: Picture) => Picture): void {
    const one = (row: Picture | null) => (row?.key === key ? make(row) : row);
    const many = (list: Picture[]) => list.map((row) => (row.key === key ? make(row) : row));
    draft.update((d) =>
        slot === 'first' ? { ...d, first: one(d.first) } : slot === 'last' ? { ...d, last: one(d.last) } : slot === 'subject' ? { ...d, subjects: many(d.subjects) } : { ...d, references: many(d.references) },
    );
}

let nextKey = 1;

/** Takes a file into the draft: it is looked at here at once, and sent when the model would take it. */
export async function pictureAdd(slot: Slot, file: Blob, name: string): Promise<void> {
    const key = `${Date.now()}-${nextKey++}`;
    const picture: Picture = { key, fileId: null, name, preview: URL.createObjectURL(file), kind: '', bytes: file.size, width: 0, height: 0, sent: 0, problem: '' };
    const d = draft.value;
    if (slot === 'first') change({ first: picture });
    else if (slot === 'last') change({ last: picture });
    else if (slot === 'subject') change({ subjects: [picture] });
    else change({ references: [...d.references, picture] });
    const look = await lookAt(file);
    replace(slot, key, (old) => ({ ...old, ...look }));
    const model = draftModel(draft.value);
    if (!look.kind) {
        replace(slot, key, (old) => ({ ...old, problem: t('check.unreadable') }));
        return;
    }
    if (model?.pictures && file.size > model.pictures.bytes_max && look.width) return; // the server would not take it either
    try {
        const stored = await upload<StoredFile>(file, name, (sent) => replace(slot, key, (old) => ({ ...old, sent })));
        replace(slot, key, (old) => ({ ...old, fileId: stored.id, sent: 1, width: stored.width ?? old.width, height: stored.height ?? old.height }));
    } catch (error) {
        replace(slot, key, (old) => ({ ...old, problem: (error as Error).message }));
    }
}

export function pictureRemove(slot: Slot, key: string): void {
    const d = draft.value;
    for (const [, list] of slots(d)) for (const row of list) if (row.key === key && row.preview.startsWith('blob:')) URL.revokeObjectURL(row.preview);
    if (slot === 'first') change({ first: null });
    else if (slot === 'last') change({ last: null });
    else if (slot === 'subject') change({ subjects: d.subjects.filter((row) => row.key !== key) });
    else change({ references: d.references.filter((row) => row.key !== key) });
}

export const pictureSwap = () => change({ first: draft.value.last, last: draft.value.first });

const stored = (fileId: string, name: string): Picture => ({
    key: `${Date.now()}-${nextKey++}`,
    fileId,
    name,
    preview: `/conch/v1/files/${fileId}/content`,
    kind: 'png',
    bytes: 0,
    width: 0,
    height: 0,
    sent: 1,
    problem: '',
});

/** All settings of a job, back in Create. */
export function remix(job: Job): void {
    const of = (role: string) => job.inputs.filter((row) => row.role === role).map((row) => stored(row.file_id, t(`role.${row.role}`)));
    const picture = (row: Picture | undefined) => (row ? { ...row, kind: modelOf(job.model)?.pictures?.formats[0] ?? 'png' } : null);
    const references = job.inputs
        .filter((row) => row.role.startsWith('reference_'))
        .map((row) => ({ ...stored(row.file_id, t(`role.${row.role}`)), kind: row.role === 'reference_video' ? 'mp4' : row.role === 'reference_audio' ? 'wav' : 'png' }));
    draft.set(
        fit({
            ...empty,
            model: job.model,
            prompt: job.prompt ?? '',
            negative: job.negative_prompt ?? '',
            first: picture(of('first_frame')[0]),
            last: picture(of('last_frame')[0]),
            subjects: of('subject'),
            references,
            resolution: job.resolution ?? '',
            seconds: job.seconds ?? 0,
            ratio: job.ratio ?? '',
            seed: job.seed === null ? '' : String(job.seed),
            steps: job.settings?.steps ? String(job.settings.steps) : '',
            guidance: job.settings?.guidance ? String(job.settings.guidance) : '',
            watermark: job.settings?.watermark === true,
            optimizer: job.settings?.optimizer !== 'off',
            from: job.id,
        }),
    );
}

export const draftClear = () => draft.set(fit({ ...empty, model: draft.value.model, optimizer: draft.value.optimizer }));
