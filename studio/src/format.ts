// Numbers, money and times in the reader's language.
import { language } from './text';
import type { Unit } from './types';

const locale = () => (language.value === 'zh' ? 'zh-CN' : 'en');

/** Micro-USD as dollars: at least two digits behind the point, more when they say something. */
export function usd(micro: number): string {
    const digits = micro % 10000 === 0 ? 2 : micro % 1000 === 0 ? 3 : micro % 100 === 0 ? 4 : 6;
    return new Intl.NumberFormat(locale(), { style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol', minimumFractionDigits: 2, maximumFractionDigits: digits }).format(micro / 1e6);
}

export function amount(value: number, unit: Unit | string): string {
    if (unit === 'microusd') return usd(value);
    const text = new Intl.NumberFormat(locale(), { maximumFractionDigits: 3 }).format(value / 1000);
    return language.value === 'zh' ? `${text} 点` : `${text} credits`;
}

/** With its sign, for movements. */
export const signed = (value: number, unit: Unit) => (value > 0 ? '+' : value < 0 ? '−' : '') + amount(Math.abs(value), unit);

export const number = (value: number) => new Intl.NumberFormat(locale()).format(value);

export function bytes(value: number): string {
    const units = ['B', 'KB', 'MB', 'GB', 'TB'];
    let index = 0;
    while (value >= 1000 && index < units.length - 1) {
        value /= 1000;
        index++;
    }
    return `${value < 10 && index ? value.toFixed(1) : Math.round(value)} ${units[index]}`;
}

export function span(seconds: number): string {
    const zh = language.value === 'zh';
    if (seconds < 0.95) return zh ? '不到 1 秒' : 'under 1 s';
    if (seconds < 90) return zh ? `${Math.round(seconds)} 秒` : `${Math.round(seconds)} s`;
    if (seconds < 5400) return zh ? `${Math.round(seconds / 60)} 分钟` : `${Math.round(seconds / 60)} min`;
    if (seconds < 129600) return zh ? `${(seconds / 3600).toFixed(1)} 小时` : `${(seconds / 3600).toFixed(1)} h`;
    return zh ? `${Math.round(seconds / 86400)} 天` : `${Math.round(seconds / 86400)} days`;
}

export const time = (text: string) => new Date(text).toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'short' });
export const clock = (text: string) => new Date(text).toLocaleTimeString(locale());
export const day = (text: string) => new Date(text).toLocaleDateString(locale(), { dateStyle: 'medium' });

/** "3 minutes ago". */
export function ago(text: string): string {
    const seconds = (Date.now() - Date.parse(text)) / 1000;
    const words = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' });
    if (Math.abs(seconds) < 45) return words.format(0, 'second');
    if (Math.abs(seconds) < 2700) return words.format(-Math.round(seconds / 60), 'minute');
    if (Math.abs(seconds) < 79200) return words.format(-Math.round(seconds / 3600), 'hour');
    return words.format(-Math.round(seconds / 86400), 'day');
}

export const between = (from: string | null, until: string | null) =>
    from && until ? Math.max(0, (Date.parse(until) - Date.parse(from)) / 1000) : null;

/** A table as a file to save: texts are quoted, and none can be read as a formula. */
export function csv(rows: (string | number | null)[][]): string {
    const cell = (value: string | number | null) => {
        if (value === null) return '';
        if (typeof value === 'number') return String(value);
        const text = /^[=+\-@\t\r]/.test(value) ? "'" + value : value;
        return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    };
    return rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}

export function save(name: string, type: string, data: string | Blob): void {
    const url = URL.createObjectURL(typeof data === 'string' ? new Blob([data], { type }) : data);
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}
