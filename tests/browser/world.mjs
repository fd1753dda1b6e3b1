// What the browser tests share: a server of their own, a browser, and the lines of TAP.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const root = process.env.CONCH_TEST_ROOT;
export const build = process.env.CONCH_BUILD;
export const shots = join(build, 'screenshots');
mkdirSync(shots, { recursive: true });

// ---- TAP ----

let count = 0, failures = 0;
const only = process.env.CONCH_BROWSER_ONLY ? new RegExp(process.env.CONCH_BROWSER_ONLY) : null;

/** One test: its name is a sentence, `run` throws when it is not so. */
export async function test(name, run) {
    if (only && !only.test(name)) return;
    const number = ++count, begun = Date.now();
    try {
        await run();
        console.log(`ok ${number} - ${name}`);
    } catch (error) {
        failures++;
        console.log(`not ok ${number} - ${name}`);
        console.log(String(error.stack ?? error).replace(/^/gm, '# '));
        let index = 0;
        for (const page of open) await page.screenshot({ path: join(shots, `failed-${number}-${index++}.png`) }).catch(() => {});
    }
    for (const page of [...open]) await page.context().close().catch(() => {});
    open.clear();
    if (process.env.CONCH_BROWSER_TIMES) console.log(`# ${Date.now() - begun} ms`);
}

export function end() {
    console.log(`1..${count}`);
    return failures ? 1 : 0;
}

export function check(condition, words) {
    if (!condition) throw new Error(words);
}

export function same(is, wanted, words) {
    check(JSON.stringify(is) === JSON.stringify(wanted), `${words}: ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`);
}

/** Waits until run() is true. */
export async function until(run, words, ms = 20000) {
    const last = Date.now() + ms;
    for (;;) {
        const value = await run();
        if (value) return value;
        if (Date.now() > last) throw new Error(`not within ${ms} ms: ${words}`);
        await new Promise((done) => setTimeout(done, 60));
    }
}

// ---- the server ----

const data = mkdtempSync(join(tmpdir(), 'conch-browser-'));
let child, said = '';
export let origin = '';
export let key = '';

export async function serverStart() {
    const listen = origin ? origin.replace('http://', '') : '127.0.0.1:0';
    said = '';
    child = spawn(join(build, 'conch'), ['serve', '--data', data, '--listen', listen], {
        env: { ...process.env, CONCH_MODELS: join(root, 'models') },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const hear = (chunk) => (said += chunk);
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const found = await until(() => /http:\/\/[\d.]+:\d+/.exec(said) ?? (child.exitCode !== null && ['']), 'the server begins');
    check(found[0], `the server ended:\n${said}`);
    origin = found[0];
    key = readFileSync(join(data, 'admin.key'), 'utf8').trim();
    await until(async () => (await fetch(origin + '/readyz').then((answer) => answer.json()).catch(() => ({}))).engine, 'an engine is there');
}

export async function serverStop(signal = 'SIGTERM') {
    if (!child || child.exitCode !== null || child.signalCode) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await gone;
}

export async function worldEnd() {
    await browser?.close();
    await serverStop();
    rmSync(data, { recursive: true, force: true });
}

/** A call with the key, as a program makes it. */
export async function api(method, path, body) {
    const answer = await fetch(origin + path, {
        method,
        headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const json = await answer.json();
    check(answer.ok, `${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
}

/** A finished clip; short, unless told. */
export async function clip(request = {}) {
    const job = await api('POST', '/conch/v1/jobs', { model: 'conch/tiny', prompt: 'a red ball rolls on sand', seconds: 1, steps: 4, ...request });
    return until(async () => {
        const now = await api('GET', `/conch/v1/jobs/${job.id}`);
        check(!['failed', 'blocked'].includes(now.state), `job ${job.id}: ${JSON.stringify(now.error)}`);
        return now.state === 'succeeded' && now;
    }, `job ${job.id} is done`, 60000);
}

// ---- the browser ----

let browser;
const open = new Set();
export const faults = []; // what the pages complained of

async function launch() {
    browser ??= await chromium.launch({
        executablePath: process.env.CONCH_CHROMIUM ?? '/usr/bin/chromium',
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
    });
    return browser;
}

let cookies = null;

/** A page of a fresh browser profile; signed in unless told otherwise. */
export async function page(path = '/', options = {}) {
    const { signedIn = true, ...more } = options;
    const context = await (await launch()).newContext({ locale: 'en-US', viewport: { width: 1280, height: 860 }, ...more });
    context.setDefaultTimeout(15000);
    if (signedIn) {
        if (!cookies) {
            const answer = await context.request.post(origin + '/conch/v1/session', { data: { key } });
            check(answer.ok(), `signing in: ${answer.status()}`);
            cookies = await context.cookies();
        } else {
            await context.addCookies(cookies);
        }
    }
    const made = await context.newPage();
    open.add(made);
    made.on('pageerror', (error) => faults.push(`${made.url()}: ${error}`));
    made.on('console', (message) => {
        const text = message.text();
        // an answer of 4xx is no fault of the page: a wrong key, a preview that is not there yet
        if (message.type() === 'error' && !/the server responded with a status of (401|402|404|503)|ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|ERR_NETWORK/.test(text)) faults.push(`${made.url()}: ${text}`);
    });
    if (path !== null) {
        await made.goto(origin + path);
        if (signedIn) await made.waitForSelector('header.top');
    }
    return made;
}

export const forgetCookies = () => (cookies = null);
