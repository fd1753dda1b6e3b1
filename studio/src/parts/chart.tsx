// Bars by day, stacked by series, drawn by uPlot; the same numbers stand in the table below it for those who cannot see it.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { look } from '../look';
import { useStore } from '../store';
import { language } from '../text';

export interface Series {
    label: string;
    colour: number;
    values: number[];
}

const HEIGHT = 260;

export function Chart({ dates, series, show, label }: { dates: string[]; series: Series[]; show: (value: number) => string; label: string }) {
    const box = useRef<HTMLDivElement>(null);
    const theme = useStore(look);
    const words = useStore(language);
    const key = JSON.stringify([dates, series, theme, words, show(1000000)]);
    useEffect(() => {
        const element = box.current!;
        const style = getComputedStyle(element);
        const colour = (name: string) => style.getPropertyValue(name).trim();
        const x = dates.map((date) => Date.parse(date + 'T00:00:00Z') / 1000);
        // the stack: each series stands on the sum of those before it, so the highest is drawn first
        const sums = series.map((_, index) => dates.map((_, at) => series.slice(0, index + 1).reduce((sum, row) => sum + (row.values[at] ?? 0), 0)));
        const bars = uPlot.paths.bars!({ size: [0.7, 40], radius: 0.15 });
        const chart = new uPlot(
            {
                width: element.clientWidth,
                height: HEIGHT,
                tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), 'Etc/UTC'),
                legend: { show: false },
                cursor: { show: false },
                scales: { x: { time: true, range: (_, min, max) => [min - 43200, max + 43200] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
                axes: [
                    {
                        stroke: colour('--dim'),
                        font: '12px system-ui, sans-serif',
                        grid: { show: false },
                        ticks: { stroke: colour('--line') },
                        values: (_, stamps) => stamps.map((stamp) => new Date(stamp * 1000).toLocaleDateString(words === 'zh' ? 'zh-CN' : 'en', { month: 'short', day: 'numeric', timeZone: 'UTC' })),
                        space: 70,
                        incrs: [86400, 2 * 86400, 7 * 86400, 14 * 86400, 30 * 86400],
                    },
                    {
                        stroke: colour('--dim'),
                        font: '12px system-ui, sans-serif',
                        grid: { stroke: colour('--line'), width: 1 },
                        ticks: { show: false },
                        values: (_, values) => values.map(show),
                        size: 76,
                        incrs: undefined,
                    },
                ],
                series: [{}, ...[...series].reverse().map((row) => ({ label: row.label, fill: colour(`--series-${row.colour}`), stroke: colour(`--series-${row.colour}`), width: 0, paths: bars, points: { show: false } }))],
            },
            [x, ...[...sums].reverse()],
            element,
        );
        const watch = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
        watch.observe(element);
        return () => {
            watch.disconnect();
            chart.destroy();
        };
    }, [key]);
    return (
        <figure class="chart" data-test="chart">
            <div ref={box} class="chart-box" role="img" aria-label={`${label}: ${series.map((row) => `${row.label} ${show(row.values.reduce((a, b) => a + b, 0))}`).join(', ')}`} />
            <figcaption class="legend">
                {series.map((row) => (
                    <span key={row.label}>
                        <i class={`swatch series-${row.colour}`} aria-hidden="true" /> {row.label}
                    </span>
                ))}
            </figcaption>
        </figure>
    );
}
