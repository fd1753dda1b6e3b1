// What a model can do, read from the same table that the server refuses by.
import { bytes } from './format';
import { t } from './text';
import type { Mode, Model, Output, Pictures } from './types';

export const outputsOf = (model: Model, mode: Mode): Output[] => model.outputs.filter((row) => row.modes.includes(mode));

export const resolutionsOf = (model: Model, mode: Mode): string[] => [
    ...new Set(outputsOf(model, mode).map((row) => row.resolution)),
];

export const secondsOf = (model: Model, mode: Mode, resolution: string): number[] =>
    [...new Set(outputsOf(model, mode).filter((row) => row.resolution === resolution).flatMap((row) => row.seconds))].sort((a, b) => a - b);

export const outputOf = (model: Model, mode: Mode, resolution: string, seconds: number): Output | undefined =>
    outputsOf(model, mode).find((row) => row.resolution === resolution && row.seconds.includes(seconds));

export const sizeText = (output: Output | undefined): string =>
    output?.width && output.height ? `${output.width} × ${output.height}` : '';

/** The nearest allowed value to a wish. */
export function nearest(allowed: number[], wish: number): number | undefined {
    return [...allowed].sort((a, b) => Math.abs(a - wish) - Math.abs(b - wish) || a - b)[0];
}

// ---- pictures ----

export interface Look {
    kind: string; // "png", "jpeg", "webp", "heic", ...; "" for something else
    width: number;
    height: number;
}

/** What the first bytes say; names and types that a file states are not to be trusted. */
function sniff(head: Uint8Array): string {
    const text = String.fromCharCode(...head);
    if (text.startsWith('\x89PNG')) return 'png';
    if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
    if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp';
    if (text.startsWith('RIFF') && text.slice(8, 12) === 'WAVE') return 'wav';
    if (text.startsWith('ID3') || (head[0] === 0xff && ((head[1] ?? 0) & 0xe0) === 0xe0)) return 'mp3';
    if (text.slice(4, 8) === 'ftyp') {
        const brand = text.slice(8, 12);
        if (/^hei[cx]|^hevc/.test(brand)) return 'heic';
        if (/^mif1|^msf1/.test(brand)) return 'heif';
        if (brand === 'avif') return 'avif';
        return brand.startsWith('qt') ? 'mov' : 'mp4';
    }
    return text.startsWith('GIF8') ? 'gif' : '';
}

export async function lookAt(file: Blob): Promise<Look> {
    const kind = sniff(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
    if (!['png', 'jpeg', 'webp', 'gif', 'avif'].includes(kind)) return { kind, width: 0, height: 0 };
    const url = URL.createObjectURL(file);
    try {
        const image = new Image();
        image.src = url;
        await image.decode();
        return { kind, width: image.naturalWidth, height: image.naturalHeight };
    } catch {
        return { kind: '', width: 0, height: 0 };
    } finally {
        URL.revokeObjectURL(url);
    }
}

/** Why the model would not take this picture; empty: it does. */
export function pictureProblem(limits: Pictures | null, size: number, look: Look): string {
    if (!limits) return t('check.noPictures');
    if (!limits.formats.includes(look.kind))
        return t('check.format', { formats: limits.formats.join(', ').toUpperCase() });
    if (size > limits.bytes_max) return t('check.bytes', { is: bytes(size), max: bytes(limits.bytes_max) });
    if (!look.width || !look.height) return '';
    const short = Math.min(look.width, look.height), long = Math.max(look.width, look.height);
    if (short < limits.side_min) return t('check.small', { is: short, min: limits.side_min });
    if (limits.side_max && long > limits.side_max) return t('check.large', { is: long, max: limits.side_max });
    const ratio = look.width / look.height;
    if (ratio < limits.ratio_min - 0.0005 || ratio > limits.ratio_max + 0.0005)
        return t('check.ratio', { is: ratio.toFixed(2), min: limits.ratio_min, max: limits.ratio_max });
    return '';
}

// ---- camera commands ----

export const CAMERA: [en: string, zh: string][] = [
    ['Push in', '推进'],
    ['Pull out', '拉远'],
    ['Pan left', '左摇'],
    ['Pan right', '右摇'],
    ['Tilt up', '上摇'],
    ['Tilt down', '下摇'],
    ['Truck left', '左移'],
    ['Truck right', '右移'],
    ['Pedestal up', '上升'],
    ['Pedestal down', '下降'],
    ['Zoom in', '变焦推近'],
    ['Zoom out', '变焦拉远'],
    ['Shake', '晃动'],
    ['Tracking shot', '跟随'],
    ['Static shot', '固定'],
];

const commands = new Set(CAMERA.flat().map((word) => word.toLowerCase()));

/** Whether a text ends in a bracket of camera commands: where another one can be joined to it. */
export function cameraBracketBefore(text: string): boolean {
    const inside = /[[［【]([^[\]［］【】]*)[\]］】]\s*$/.exec(text)?.[1];
    return !!inside && inside.split(/[,，;、]/).some((word) => commands.has(word.trim().toLowerCase()));
}
