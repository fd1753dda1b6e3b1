// Bundles the studio into a folder: node build.mjs OUT [DEPFILE TARGET]
// Names below assets/ hold a digest of what is in them, so that they may be kept forever.
import { build } from 'esbuild';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [out = 'dist', depfile, target] = process.argv.slice(2).map((arg, i) => (i < 2 ? resolve(arg) : arg));
process.chdir(here);
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'assets'), { recursive: true });

const result = await build({
    absWorkingDir: here,
    entryPoints: { studio: 'src/main.tsx', style: 'src/style.css' },
    outdir: join(out, 'assets'),
    entryNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2021'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    define: { 'process.env.NODE_ENV': '"production"' },
});

const made = Object.keys(result.metafile.outputs).map((path) => relative(out, resolve(path)));
const script = made.find((path) => path.endsWith('.js'));
const style = made.find((path) => path.endsWith('.css'));
const page = readFileSync('src/index.html', 'utf8').replace('STYLE', '/' + style).replace('SCRIPT', '/' + script);
writeFileSync(join(out, 'index.html'), page);
writeFileSync(join(out, 'icon.svg'), readFileSync('src/icon.svg'));

function* files(folder) {
    for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        if (statSync(path).isDirectory()) yield* files(path);
        else yield path;
    }
}
if (depfile) {
    const sources = [...files(resolve('src')), resolve('build.mjs'), resolve('package-lock.json')];
    const folders = [...new Set(sources.map(dirname))]; // a new file changes its folder
    writeFileSync(depfile, `${target}: ${[...sources, ...folders].map((path) => path.replace(/ /g, '\\ ')).join(' ')}\n`);
}
