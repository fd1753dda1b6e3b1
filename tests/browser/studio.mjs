// Every journey of the studio, in a real browser against a real server.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { api, check, clip, end, faults, forgetCookies, key, origin, page, root, same, serverStart, serverStop, shots, test, until, worldEnd } from './world.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A PNG of one colour. */
function png(width, height) {
    const crc = (bytes) => {
        let sum = ~0;
        for (const byte of bytes) {
            sum ^= byte;
            for (let i = 0; i < 8; i++) sum = (sum >>> 1) ^ (0xedb88320 & -(sum & 1));
        }
        return ~sum >>> 0;
    };
    const chunk = (name, data) => {
        const body = Buffer.concat([Buffer.from(name), data]), head = Buffer.alloc(4), tail = Buffer.alloc(4);
        head.writeUInt32BE(data.length);
        tail.writeUInt32BE(crc(body));
        return Buffer.concat([head, body, tail]);
    };
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([8, 2, 0, 0, 0], 8);
    const row = Buffer.alloc(1 + 3 * width, 120);
    row[0] = 0;
    const pixels = deflateSync(Buffer.concat(Array(height).fill(row)));
    return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

const plays = (video) => async () => {
    const time = () => video.evaluate((element) => element.currentTime);
    const first = await time();
    await new Promise((done) => setTimeout(done, 250));
    return (await time()) !== first;
};

async function choose(p, model) {
    await p.click('.model-button');
    await p.check(`.model-row input[value="${model}"]`);
    await p.click('dialog .primary');
}

/** Chooses one of a few that stand side by side. */
const pick = (p, name, label) => p.locator(`[data-name=${name}] label`, { hasText: new RegExp(`^${label}`) }).click();
const field = (p, label) => p.getByRole('textbox', { name: label, exact: true });

const stageJob = (p) => p.locator('.stage-job.main');
const draftOf = (p) => p.evaluate(() => ({ prompt: document.querySelector('#prompt').value, checked: [...document.querySelectorAll('.segment input:checked')].map((input) => input.value) }));

await serverStart();
const first = await clip({ prompt: 'a red ball drops and bounces on a wooden floor at sunset', seed: 7, steps: 10, seconds: 2 });
const second = await clip({ prompt: 'a blue cube slides over snow', seed: 8 });
const rehearsed = await clip({ prompt: 'a yellow balloon rises over grass', model: 'minimax/hailuo-02', steps: undefined, seconds: 6 });

// ---- the door ----

await test('a key opens the studio, a wrong one is refused in words, and the session stays', async () => {
    const p = await page('/', { signedIn: false });
    await p.fill('input[name=key]', 'ck_wrong');
    await p.keyboard.press('Enter');
    await p.waitForSelector('text=This key is wrong');
    await p.fill('input[name=key]', key);
    await p.keyboard.press('Enter');
    await p.waitForSelector('.composer');
    check(!(await p.evaluate(() => document.cookie)).includes('conch'), 'scripts can read the cookie');
    check(!(await p.evaluate(() => JSON.stringify(localStorage))).includes(key), 'the key is kept in the browser');
    await p.reload();
    await p.waitForSelector('.composer');
});

await test('a sign-in link opens the studio once, and leaves no trace in the address', async () => {
    const { url } = await api('POST', '/conch/v1/session/links');
    const p = await page(null, { signedIn: false });
    await p.goto(url);
    await p.waitForSelector('.composer');
    check(!p.url().includes('signin'), `the address is ${p.url()}`);
    const other = await page(null, { signedIn: false });
    await other.goto(url);
    await other.waitForSelector('text=expired or was used already');
});

await test('signing out ends the session, everywhere', async () => {
    forgetCookies();
    const p = await page('/studio/settings');
    await p.click('text=Sign out');
    await p.waitForSelector('input[name=key]');
    await p.goto(origin + '/studio/gallery');
    await p.waitForSelector('input[name=key]');
    forgetCookies();
});

// ---- create ----

await test('a sentence becomes a clip that plays, seen all the way', async () => {
    const p = await page('/');
    await p.waitForFunction(() => document.querySelector('[data-test=price]').textContent.includes('free'));
    await p.fill('#prompt', 'a green ball bounces on stone');
    await pick(p, 'seconds', '3 s');
    await p.click('text=More settings');
    await field(p, 'Steps').fill('60');
    await p.focus('#prompt');
    await p.keyboard.press('Control+Enter');
    const job = stageJob(p);
    await job.waitFor();
    await until(async () => (await job.locator('[data-test=phase]').textContent()).includes('step'), 'the step is shown');
    await job.locator('img.clip-preview').waitFor();
    await p.waitForFunction(() => document.querySelector('progress')?.value > 0);
    await p.reload();
    await job.locator('[data-test=phase]').waitFor(); // still there, still going on
    const video = job.locator('video');
    await video.waitFor({ timeout: 60000 });
    await until(plays(video), 'currentTime advances');
    check(await p.locator('[data-test=spoken]').textContent(), 'nothing was said to those who listen');
});

await test('everything can be done by keyboard', async () => {
    const p = await page('/');
    await p.keyboard.press('Tab');
    same(await p.evaluate(() => document.activeElement.textContent), 'Skip to the content', 'the first stop');
    await p.keyboard.press('Enter');
    await p.keyboard.press('Tab');
    same(await p.evaluate(() => document.activeElement.id), 'prompt', 'the stop behind it');
    await p.keyboard.type('a red cube rests on grass');
    const stops = [];
    for (let i = 0; i < 24; i++) {
        await p.keyboard.press('Tab');
        const stop = await p.evaluate(() => {
            const at = document.activeElement, shown = at.matches('.segment input, .switch input') ? at.nextElementSibling : at;
            const style = getComputedStyle(shown);
            return { name: at.closest('fieldset')?.dataset.name ?? at.className ?? at.tagName, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0, make: at.classList.contains('make') };
        });
        check(stop.seen, `the focus cannot be seen on ${JSON.stringify(stop)}`);
        stops.push(stop.name);
        if (stop.name === 'seconds') await p.keyboard.press('ArrowLeft');
        if (stop.make) break;
    }
    check(stops.includes('seconds'), `length was not among ${stops}`);
    await until(async () => (await draftOf(p)).checked.includes('1'), 'the arrow chose 1 s');
    await p.keyboard.press('Enter');
    await stageJob(p).locator('video').waitFor({ timeout: 30000 });
});

await test('the optimizer shows what the model will read, takes it over and gives one’s own text back', async () => {
    const p = await page('/');
    await p.fill('#prompt', 'a crimson orb');
    const after = p.locator('[data-test=optimized]');
    await after.waitFor();
    const used = await after.textContent();
    check(used.includes('ball'), used);
    await p.click('text=Edit this text');
    same((await draftOf(p)).prompt, used, 'the text taken over');
    check(!(await p.locator('input[name=optimizer]').isChecked()), 'the optimizer is still on');
    await p.click('text=Back to my text');
    same((await draftOf(p)).prompt, 'a crimson orb', 'the text given back');
    check(await p.locator('input[name=optimizer]').isChecked(), 'the optimizer is still off');
});

await test('camera chips write commands where the caret is', async () => {
    const p = await page('/');
    await p.fill('#prompt', 'a ball rolls');
    await p.click('summary:has-text("Camera")');
    await p.click('.chip:has-text("Push in")');
    await p.click('.camera .switch');
    await p.click('.chip:has-text("Pan left")');
    same((await draftOf(p)).prompt, 'a ball rolls [Push in, Pan left]', 'the prompt');
    await p.keyboard.press('Control+z');
    same((await draftOf(p)).prompt, 'a ball rolls [Push in]', 'the prompt after undo');
});

await test('pictures are judged at once by what the model takes', async () => {
    const p = await page('/');
    await p.setInputFiles('input[data-slot=first]', { name: 'small.png', mimeType: 'image/png', buffer: png(320, 200) });
    await p.waitForSelector('.zone-picture img');
    await choose(p, 'minimax/hailuo-02');
    await p.waitForSelector('text=The shorter side has 200 pixels; this model needs 301.');
    await p.click('[aria-label="Remove: First frame"]');
    await p.setInputFiles('input[data-slot=first]', { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('not a picture at all') });
    await p.waitForSelector('text=not a picture');
    await p.click('[aria-label="Remove: First frame"]');
    await choose(p, 'minimax/hailuo-2.3');
    await p.setInputFiles('input[data-slot=first]', { name: 'good.png', mimeType: 'image/png', buffer: png(640, 400) });
    await p.waitForSelector('.zone-picture img');
    check(await p.locator('input[data-slot=last]').locator('xpath=preceding-sibling::button').isDisabled(), 'a last frame could be chosen');
    await p.waitForFunction(() => /list price/.test(document.querySelector('[data-test=price]').textContent));
    check((await p.locator('.make-word').textContent()).startsWith('Rehearse'), 'the button does not say that it is a rehearsal');
});

await test('sizes and lengths that do not go together cannot be chosen', async () => {
    const p = await page('/');
    await choose(p, 'minimax/hailuo-02');
    const seconds = p.locator('[data-name=seconds] input');
    await pick(p, 'seconds', '10 s');
    await pick(p, 'size', '1920');
    check(await seconds.nth(1).isDisabled(), '10 s can be chosen with 1080P');
    check(await seconds.nth(0).isChecked(), '6 s was not taken instead');
});

await test('four clips are made at once, and one that runs can be stopped', async () => {
    const p = await page('/');
    await p.fill('#prompt', 'a ball rolls slowly');
    await pick(p, 'seconds', '3 s');
    await pick(p, 'count', '4');
    await p.click('text=More settings');
    await field(p, 'Steps').fill('200');
    await field(p, 'Seed').fill('41');
    await p.click('.make');
    await until(async () => (await p.locator('.stage-job').count()) === 4, 'four jobs are on the stage');
    await p.waitForSelector('text=/before it|Next in the queue/');
    const stop = p.locator('.stage-job .over:enabled');
    await until(async () => {
        if (await stop.count()) await stop.first().click();
        return (await p.locator('.stage-job[data-state=cancelled]').count()) === 4;
    }, 'all have stopped', 30000);
    const { data } = await api('GET', '/conch/v1/jobs?limit=4');
    same(data.map((job) => job.seed).sort(), [41, 42, 43, 44], 'the seeds');
});

await test('a failure is told in words, and its settings can be tried again', async () => {
    const p = await page('/');
    await choose(p, 'minimax/hailuo-02');
    await p.fill('#prompt', 'a ball [sandbox:timeout]');
    await p.click('.make');
    const job = stageJob(p);
    await job.locator('text=did not answer in time').waitFor();
    await job.locator('text=Nothing was charged').waitFor();
    await p.fill('#prompt', '');
    await job.locator('button:has-text("Remix")').click();
    await p.waitForFunction(() => document.querySelector('#prompt').value.includes('[sandbox:timeout]'));
});

await test('a running job survives a restart of the server, and the page finds it again', async () => {
    const p = await page('/');
    await p.fill('#prompt', 'a ball rises');
    await pick(p, 'seconds', '3 s');
    await p.click('text=More settings');
    await field(p, 'Steps').fill('80');
    await p.click('.make');
    await stageJob(p).locator('text=/step/').waitFor();
    await serverStop();
    await p.waitForSelector('text=The connection to the server is gone');
    await serverStart();
    await stageJob(p).locator('video').waitFor({ timeout: 60000 });
    await p.waitForSelector('text=The connection to the server is gone', { state: 'detached' });
});

// ---- a job ----

await test('the job page tells every fact', async () => {
    const p = await page(`/studio/jobs/${rehearsed.id}`);
    same(await p.textContent('[data-test=prompt]'), 'a yellow balloon rises over grass', 'the prompt');
    same(await p.textContent('[data-test=prompt-used]'), rehearsed.prompt_used, 'the prompt used');
    check((await p.textContent('[data-test=served-by]')).includes('conch/tiny'), 'what served it');
    await p.waitForSelector('.badge.sandbox');
    same(await p.textContent('[data-test=seed]'), String(rehearsed.seed), 'the seed');
    check((await p.textContent('[data-test=cost]')).includes('$0.28'), 'the list price');
    await p.waitForSelector('.events >> text=Done');
    await until(plays(p.locator('video')), 'the clip plays');
});

await test('the download is the clip', async () => {
    const p = await page(`/studio/jobs/${first.id}`);
    const [download] = await Promise.all([p.waitForEvent('download'), p.click('text=Download')]);
    const bytes = readFileSync(await download.path());
    same(bytes.length, first.video.bytes, 'its bytes');
    check(download.suggestedFilename().endsWith('.mp4'), download.suggestedFilename());
});

await test('remix brings all settings back', async () => {
    const p = await page(`/studio/jobs/${first.id}`);
    await p.click('text=Remix');
    await p.waitForSelector('.composer');
    const { prompt, checked } = await draftOf(p);
    same(prompt, first.prompt, 'the prompt');
    check(checked.includes('2'), 'the length');
    await p.click('text=More settings');
    same(await field(p, 'Seed').inputValue(), '7', 'the seed');
    same(await field(p, 'Steps').inputValue(), '10', 'the steps');
});

await test('a frame becomes the first frame of the next clip, and the last one extends it', async () => {
    const p = await page(`/studio/jobs/${first.id}`);
    await p.waitForFunction(() => document.querySelector('video')?.readyState >= 2);
    await p.click('text=Frame as first');
    await p.waitForSelector('.zone-picture img');
    await p.waitForFunction(() => document.querySelector('.zone-picture figcaption').textContent.includes('256×160'));
    await p.waitForSelector('.zone-sent', { state: 'detached' });
    await p.goto(origin + `/studio/jobs/${first.id}`);
    await p.click('text=Extend');
    await p.waitForSelector('.zone-picture img');
    await p.waitForSelector('.zone-sent', { state: 'detached' });
    await pick(p, 'seconds', '1 s');
    await p.click('.make');
    await stageJob(p).locator('video').waitFor({ timeout: 30000 });
    const { data } = await api('GET', '/conch/v1/jobs?limit=1');
    same([data[0].mode, data[0].inputs.length, data[0].prompt], ['first_frame', 1, first.prompt], 'the job that extends');
});

await test('a clip is accepted, or rejected with a reason', async () => {
    const p = await page(`/studio/jobs/${second.id}`);
    await p.click('text=Accept');
    await p.waitForSelector('.badge >> text=Accepted');
    await p.click('button:has-text("Reject")');
    await p.click('.chip >> text=The motion is wrong');
    await p.click('dialog .primary');
    await p.waitForSelector('.badge >> text=Rejected');
    same(await p.textContent('[data-test=note]'), 'The motion is wrong', 'the reason');
    const job = await api('GET', `/conch/v1/jobs/${second.id}`);
    same([job.accepted, job.note], [false, 'The motion is wrong'], 'what the server knows');
});

await test('a deleted clip comes back by undo', async () => {
    const p = await page(`/studio/jobs/${second.id}`);
    await p.click('button:has-text("Delete")');
    await p.waitForSelector('.grid');
    check((await p.locator(`[data-job="${second.id}"]`).count()) === 0, 'it is still listed');
    await p.click('.toast >> text=Undo');
    await p.waitForSelector(`.tile[data-job="${second.id}"]`);
});

// ---- the gallery ----

await test('the gallery finds, filters, goes on without an end, and plays under the pointer', async () => {
    const many = await Promise.all(Array.from({ length: 30 }, (_, i) => api('POST', '/conch/v1/jobs', { model: 'minimax/hailuo-02', prompt: `number ${i}` })));
    await Promise.all(many.map((job) => api('POST', `/conch/v1/jobs/${job.id}/cancel`).catch(() => {})));
    const p = await page('/studio/gallery');
    await until(async () => (await p.locator('.tile').count()) >= 24, 'a page of tiles');
    await until(async () => {
        await p.mouse.wheel(0, 4000);
        return (await p.locator('.tile').count()) > 30;
    }, 'more tiles come');
    await p.fill('input[name=q]', 'blue cube');
    await until(async () => (await p.locator('.tile').count()) === 1, 'the search finds one');
    check(p.url().includes('q=blue+cube'), p.url());
    await p.fill('input[name=q]', '');
    await p.selectOption('select[name=model]', 'minimax/hailuo-02');
    await p.selectOption('select[name=state]', 'succeeded');
    await until(async () => (await p.locator(`.tile[data-job="${rehearsed.id}"]`).count()) === 1 && (await p.locator('.tile').count()) <= 2, 'the rehearsal that succeeded');
    await p.reload();
    await until(async () => (await p.locator('.tile').count()) <= 2 && (await p.locator('.tile').count()) > 0, 'the address keeps the filters');
    await p.hover(`.tile[data-job="${rehearsed.id}"]`);
    const video = p.locator(`.tile[data-job="${rehearsed.id}"] video`);
    await video.waitFor();
    await until(plays(video), 'it plays under the pointer');
    await p.click('text=Clear the filters');
    await api('POST', `/conch/v1/jobs/${second.id}/review`, { accepted: false });
    await p.selectOption('select[name=accepted]', 'false');
    await until(async () => (await p.locator('.tile').count()) === 1, 'one was rejected');
    await p.fill('input[name=until]', '2020-01-01');
    await p.waitForSelector('text=Nothing fits these filters');
});

await test('arrow keys walk through the gallery', async () => {
    const p = await page('/studio/gallery');
    await p.waitForSelector('.tile-link');
    await p.focus('.tile-link');
    const at = () => p.evaluate(() => [...document.querySelectorAll('.tile-link')].indexOf(document.activeElement));
    await p.keyboard.press('ArrowRight');
    same(await at(), 1, 'to the right');
    await p.keyboard.press('ArrowDown');
    check((await at()) > 1, 'downwards');
    await p.keyboard.press('Enter');
    await p.waitForSelector('.job');
});

// ---- compare ----

await test('clips are compared in step and blind, and the better one is kept', async () => {
    const p = await page(`/studio/gallery?state=succeeded&model=conch/tiny`);
    for (const id of [first.id, second.id]) {
        await p.hover(`.tile[data-job="${id}"]`);
        await p.click(`.tile[data-job="${id}"] .tile-pick`);
    }
    await p.click('.tray .primary');
    await until(async () => (await p.locator('.side video').count()) === 2, 'two clips');
    const times = () => p.locator('.side video').evaluateAll((list) => list.map((video) => [video.currentTime, video.duration]));
    await until(async () => (await times())[0][0] > 0.1, 'they play');
    for (let i = 0; i < 6; i++) {
        const list = await times(), most = Math.max(...list.map(([time]) => time));
        for (const [time, duration] of list) check(Math.abs(Math.min(most, duration) - time) < 0.25, `out of step: ${JSON.stringify(list)}`);
        await new Promise((done) => setTimeout(done, 120));
    }
    await p.click('[aria-label=Pause]');
    await p.locator('.player input[type=range]').fill('0.5');
    await until(async () => (await times()).every(([time]) => Math.abs(time - 0.5) < 0.05), 'both are at the moment chosen');
    await p.locator('.switch:has-text("Blind")').click();
    check((await p.locator('.side-facts').count()) === 0, 'names can be seen');
    await p.locator('.side button:has-text("Keep this")').first().click();
    await p.waitForSelector('.side-facts');
    const kept = await p.locator('.side.kept').getAttribute('data-job');
    await until(async () => (await api('GET', `/conch/v1/jobs/${kept}`)).accepted === true, 'the winner is accepted');
    const other = kept === first.id ? second.id : first.id;
    await until(async () => (await api('GET', `/conch/v1/jobs/${other}`)).accepted === false, 'the other one is rejected');
});

await test('one prompt goes to two seeds side by side', async () => {
    const p = await page('/studio/compare');
    await p.fill('textarea', 'a green cube slides on wood');
    await p.click('.compare-start .primary');
    await until(async () => (await p.locator('.side video').count()) === 2, 'both are done', 40000);
    await p.waitForSelector('.compare-prompt >> text=a green cube');
});

// ---- money, keys, models ----

await test('money is told: balance, lots, statement, a chart, and files to take away', async () => {
    const p = await page('/studio/usage');
    await p.waitForSelector('[data-test=balance-microusd] >> text=$10.00');
    await p.waitForSelector('text=Pay as you go');
    await p.waitForSelector('[data-test=chart] canvas');
    check((await p.locator('.chart-box').getAttribute('aria-label')).includes('conch/tiny'), 'the chart has no words');
    const [usage] = await Promise.all([p.waitForEvent('download'), p.click('a:has-text("CSV")')]);
    check(readFileSync(await usage.path(), 'utf8').startsWith('day,model,'), 'the usage is no table');
    const [statement] = await Promise.all([p.waitForEvent('download'), p.click('button:has-text("CSV")')]);
    const lines = readFileSync(await statement.path(), 'utf8').split('\r\n');
    check(lines[0].startsWith('at,kind,unit') && lines.length > 5, lines[0]);
});

await test('a key is made with scopes and a budget, shown once, and revoked', async () => {
    const p = await page('/studio/settings');
    await p.click('text=New key');
    await p.fill('input[name=name]', 'for the browser test');
    await p.uncheck('input[name=scope-usage]');
    await p.fill('input[name=budget]', '2,5');
    await p.keyboard.press('Enter');
    const secret = await p.textContent('[data-test=secret]');
    const asked = () => fetch(origin + '/conch/v1/jobs?limit=1', { headers: { Authorization: `Bearer ${secret}` } });
    same((await asked()).status, 200, 'with the new key');
    await p.keyboard.press('Escape');
    const row = p.locator('tr', { hasText: 'for the browser test' });
    await row.locator('text=$2.50').waitFor();
    check((await row.textContent()).includes('generate, read'), 'its scopes');
    await row.locator('text=Revoke').click();
    await p.click('dialog .danger');
    await row.locator('text=/revoked/').waitFor();
    same((await asked()).status, 401, 'with the revoked key');
});

await test('models tell what they can, what they cost and what really serves them', async () => {
    const p = await page('/studio/models');
    const tiny = p.locator('[data-model="conch/tiny"]'), hosted = p.locator('[data-model="minimax/hailuo-02"]');
    await tiny.waitFor();
    check((await tiny.textContent()).includes('Apache-2.0'), 'the licence');
    check((await tiny.locator('.matrix').textContent()).includes('256 × 160'), 'the matrix');
    await hosted.locator('.badge.sandbox').waitFor();
    check((await hosted.locator('[data-test=serves]').textContent()).includes('pixels by conch/tiny'), 'what serves it');
    check((await hosted.textContent()).includes('$0.28'), 'the price');
    await hosted.locator('text=Create with it').click();
    await p.waitForSelector('.model-name >> text=MiniMax-Hailuo-02');
});

// ---- copy as ----

/** Runs a copied program; a text says what was wrong. */
function runs(tab, folder) {
    return new Promise((done) => {
        const options = { cwd: folder, env: { ...process.env, CONCH_KEY: key }, timeout: 90000 };
        execFile('node', ['copied.mjs'], options, (error, _, said) => {
            if (error) return done(`${tab}: ${said || error}`);
            const clip = readFileSync(join(folder, 'clip.mp4')).subarray(4, 8).toString();
            return done(clip === 'ftyp' ? '' : `${tab}: what it fetched is no clip`);
        });
    });
}

await test('the request on the page is copied as code in every format, and the code runs', async () => {
    const p = await page('/');
    await p.fill('#prompt', "a ball that's red; \"quoted\" $HOME");
    await pick(p, 'seconds', '1 s');
    await p.click('text=Copy as code');
    const code = p.locator('pre.code'), running = [];
    for (const [tab, path] of [
        ['Conch', '/conch/v1/jobs'],
        ['MiniMax v1', '/v1/video_generation'],
        ['MiniMax v2', '/v2/video_generation'],
        ['OpenAI Videos', '/v1/videos'],
        ['fal', '/fal/'],
        ['Replicate', '/predictions'],
        ['Modellix', '/api/v1/'],
    ]) {
        await p.click(`[role=tab]:text-is("${tab}")`);
        for (const language of ['curl', 'python', 'javascript']) {
            await pick(p, 'code-language', { curl: 'curl', python: 'Python', javascript: 'JavaScript' }[language]);
            const text = await code.textContent();
            check(text.includes(path) && text.includes(origin), `${tab} in ${language}:\n${text}`);
            check(!text.includes(key), 'the key is in the code');
            if (language === 'python') execFileSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], { input: text });
            if (language === 'javascript') {
                const folder = join(shots, `copied-${running.length}`);
                mkdirSync(folder, { recursive: true });
                writeFileSync(join(folder, 'copied.mjs'), text);
                if (tab === 'MiniMax v2') execFileSync('node', ['--check', join(folder, 'copied.mjs')]); // it knows no such model
                else running.push(runs(tab, folder));
            }
            if (language === 'curl') execFileSync('sh', ['-n'], { input: text });
        }
    }
    const wrong = (await Promise.all(running)).filter(Boolean);
    check(!wrong.length, wrong.join('\n'));
    await p.keyboard.press('Escape');
    check((await p.locator('dialog').count()) === 0, 'Esc does not close the dialog');
    same(await p.evaluate(() => document.activeElement.textContent.trim()), 'Copy as code', 'the focus afterwards');
});

// ---- words and colours ----

await test('Chinese and dark colours are chosen, kept, and given back', async () => {
    const p = await page('/');
    await p.click('.words');
    await p.waitForSelector('text=想看到什么？');
    same(await p.evaluate(() => document.documentElement.lang), 'zh-CN', 'the language of the page');
    await p.click('[aria-label="深色"]');
    same(await p.evaluate(() => document.documentElement.dataset.theme), 'dark', 'the colours');
    await p.reload();
    await p.waitForSelector('text=想看到什么？');
    same(await p.evaluate(() => document.documentElement.dataset.theme), 'dark', 'the colours afterwards');
    for (const path of ['gallery', 'compare', 'models', 'usage', 'settings', `jobs/${first.id}`]) {
        await p.goto(`${origin}/studio/${path}`);
        await p.waitForSelector('#main h1');
        await p.waitForSelector('#main .loading', { state: 'detached' });
        const english = await p.evaluate(() => (document.querySelector('#main').innerText.match(/\b(Settings|Gallery|Revoke|Compare|Download|Prompt|Queued|Length|Balance)\b/g) ?? []));
        same(english, [], `English words on ${path}`);
    }
});

await test('a Chinese browser is greeted in Chinese', async () => {
    const p = await page('/', { signedIn: false, locale: 'zh-CN' });
    await p.waitForSelector('text=登录你的工作室');
});

await test('who wants no motion gets none by itself', async () => {
    const p = await page(`/studio/jobs/${first.id}`, { reducedMotion: 'reduce' });
    await p.waitForFunction(() => document.querySelector('video')?.readyState >= 2);
    await new Promise((done) => setTimeout(done, 400));
    check(await p.evaluate(() => document.querySelector('video').paused), 'it plays by itself');
});

// ---- for everybody, on every page ----

const places = {
    create: '/',
    gallery: '/studio/gallery?state=succeeded',
    job: `/studio/jobs/${first.id}`,
    compare: `/studio/compare?ids=${first.id},${second.id},${rehearsed.id}`,
    'compare-start': '/studio/compare',
    models: '/studio/models',
    usage: '/studio/usage',
    settings: '/studio/settings',
    lost: '/studio/nowhere',
};

async function violations(p) {
    const found = await p.evaluate(async (source) => {
        if (!window.axe) (0, eval)(source);
        const result = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
        return result.violations.map((row) => `${row.id}: ${row.nodes.slice(0, 3).map((node) => node.target.join(' ') + ' ' + (node.any[0]?.message ?? '')).join(' | ')}`);
    }, axe);
    check(!found.length, found.join('\n'));
}

const settled = async (p) => {
    await p.waitForSelector('#main :is(h1, .job)');
    await p.waitForSelector('#main .loading', { state: 'detached' });
    await p.evaluate(() => Promise.all([...document.images].filter((image) => image.loading !== 'lazy').map((image) => image.decode().catch(() => {}))));
};

const widths = [1440, 820, 390, 360];
for (const theme of ['light', 'dark'])
    await test(`on every page in ${theme} colours axe finds nothing, and nothing sticks out from 360 to 1440 pixels`, async () => {
        const options = { colorScheme: theme, bypassCSP: true, reducedMotion: 'reduce', viewport: { width: widths[0], height: 900 } };
        const door = await page('/', { ...options, signedIn: false });
        await door.waitForSelector('input[name=key]');
        await violations(door);
        await door.screenshot({ path: join(shots, `door-${theme}.png`) });
        const p = await page('/', options);
        for (const [name, path] of Object.entries(places)) {
            await p.setViewportSize({ width: widths[0], height: 900 });
            await p.goto(origin + path);
            await settled(p);
            await violations(p).catch((error) => {
                throw new Error(`${name}: ${error.message}`);
            });
            for (const width of widths) {
                await p.setViewportSize({ width, height: width < 500 ? 844 : 900 });
                const [wide, seen] = await p.evaluate(() => new Promise((done) => requestAnimationFrame(() => done([document.documentElement.scrollWidth, innerWidth]))));
                check(wide <= seen, `${name} is ${wide} pixels wide at ${width}`);
                if (width > 360) await p.screenshot({ path: join(shots, `${name}-${theme}-${width}.png`) });
            }
        }
        await p.goto(origin + '/');
        for (const opener of ['.model-button', 'text=Copy as code']) {
            await p.click(opener);
            await p.waitForSelector('dialog[open]');
            await violations(p);
            await p.keyboard.press('Escape');
        }
    });

// ---- promises about the page itself ----

await test('the page is small, quick, and forbids foreign code', async () => {
    const p = await page(null, { signedIn: false });
    const answer = await p.goto(origin + '/');
    const policy = answer.headers()['content-security-policy'];
    check(/default-src 'self'/.test(policy) && !/unsafe/.test(policy), policy);
    await p.waitForSelector('input[name=key]');
    const paint = await p.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    check(paint < 1000, `first paint after ${paint} ms`);
    const html = await answer.text();
    check(!/<script(?![^>]*src=)|\sstyle=|\son\w+=/.test(html), 'inline code');
    let bytes = 0;
    for (const [, path] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
        const file = await fetch(origin + path);
        check(file.headers.get('cache-control').includes('immutable'), path);
        bytes += gzipSync(Buffer.from(await file.arrayBuffer()), { level: 9 }).length;
    }
    check(bytes > 10000 && bytes < 150000, `${bytes} bytes packed`);
});

await test('the sources of the studio are sound, and speak both languages everywhere', async () => {
    const studio = join(root, 'studio');
    const ran = spawnSync(join(studio, 'node_modules/.bin/tsc'), ['--noEmit'], { cwd: studio, encoding: 'utf8' });
    same(ran.status, 0, `${ran.error ?? ''} ${ran.stdout}`);
    const texts = readFileSync(join(studio, 'src/text.ts'), 'utf8');
    const keys = [...texts.matchAll(/^ {4}'?([\w.]+)'?: \[/gm)].map((row) => row[1]);
    const sources = readdirSync(join(studio, 'src'), { recursive: true }).filter((name) => /\.tsx?$/.test(name) && !name.endsWith('text.ts'));
    const all = sources.map((name) => readFileSync(join(studio, 'src', name), 'utf8')).join('\n');
    const unused = keys.filter((name) => !all.includes(`'${name}'`) && !all.includes('`' + name.replace(/\.[^.]*$/, '.${')));
    same(unused, [], 'texts that nobody shows');
    const untranslated = [...texts.matchAll(/^ {4}'?([\w.]+)'?: \[(['"])(.*?)\2, '(.*)'\],$/gm)].filter((row) => /[A-Za-z]{2}/.test(row[3].replace(/\{\w+\}/g, '')) && !/[\u4e00-\u9fff]/.test(row[4])).map((row) => row[1]);
    same(untranslated, [], 'texts without Chinese');
});

await test('no page complained', async () => same(faults, [], 'complaints'));

const code = end();
await worldEnd();
process.exit(code);
