// The request on the page as code: curl, Python (requests) and JavaScript (fetch), in each wire format the server speaks.
import { outputOf } from './capability';
import type { JobRequest, Mode, Model } from './types';

export const DIALECTS = ['conch', 'minimax1', 'minimax2', 'openai', 'fal', 'replicate', 'modellix'] as const;
export type Dialect = (typeof DIALECTS)[number];
export const LANGUAGES = ['curl', 'python', 'javascript'] as const;
export type Language = (typeof LANGUAGES)[number];

export const dialectNames: Record<Dialect, string> = {
    conch: 'Conch',
    minimax1: 'MiniMax v1',
    minimax2: 'MiniMax v2',
    openai: 'OpenAI Videos',
    fal: 'fal',
    replicate: 'Replicate',
    modellix: 'Modellix',
};

export interface Wanted {
    request: JobRequest;
    model: Model;
    mode: Mode;
    links: Record<string, string>; // file id -> an address that works without a key
}

type Value = string | number | boolean | null | undefined | Value[] | { [name: string]: Value };

// How a client talks in one wire format; PATH.IN.JSON is read with dots.
interface Talk {
    create: string; // path
    body: { [name: string]: Value };
    scheme: 'Bearer' | 'Key';
    id: string; // in the answer to create
    poll: string; // path, with {id}
    state: string; // in the answer to poll
    good: string[];
    bad: string[];
    clip: string; // in the result: the clip's address; or a path beginning with "/", with {id}: its bytes
    result?: string; // a further GET that brings the result, with {id} or {file}
    file?: string; // in the answer to poll: what stands for {file}
    left: string[]; // fields that this format cannot say
}

const clean = (body: { [name: string]: Value }): { [name: string]: Value } =>
    Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));

function talkConch({ request }: Wanted): Talk {
    return {
        create: '/conch/v1/jobs',
        body: { ...(request as { [name: string]: Value }) },
        scheme: 'Bearer',
        id: 'id',
        poll: '/conch/v1/jobs/{id}',
        state: 'status',
        good: ['success'],
        bad: ['failed', 'blocked'],
        clip: 'video.url',
        left: [],
    };
}

const left = (request: JobRequest, names: (keyof JobRequest)[]) => names.filter((name) => request[name] !== undefined);

function talkMinimax1({ request: r, model }: Wanted): Talk {
    const file = (id: string | undefined) => (id ? `mm_file://${id}` : undefined);
    return {
        create: '/v1/video_generation',
        body: clean({
            model: model.name,
            prompt: r.prompt,
            first_frame_image: file(r.first_frame),
            last_frame_image: file(r.last_frame),
            subject_reference: r.subjects?.length ? [{ type: 'character', image: r.subjects.map((id) => file(id)!) }] : undefined,
            duration: r.subjects?.length ? undefined : r.seconds,
            resolution: r.subjects?.length ? undefined : r.resolution,
            prompt_optimizer: r.optimizer,
            aigc_watermark: r.watermark,
        }),
        scheme: 'Bearer',
        id: 'task_id',
        poll: '/v1/query/video_generation?task_id={id}',
        state: 'status',
        good: ['Success'],
        bad: ['Fail'],
        file: 'file_id',
        result: '/v1/files/retrieve?file_id={file}',
        clip: 'file.download_url',
        left: left(r, ['seed', 'ratio', 'negative_prompt', 'steps', 'guidance', 'references']),
    };
}

function talkMinimax2({ request: r, model }: Wanted): Talk {
    const picture = (id: string, role: string) => ({ type: 'image_url', image_url: { url: `mm_file://${id}` }, role });
    const content: Value[] = [{ type: 'text', text: r.prompt ?? '' }];
    if (r.first_frame) content.push(picture(r.first_frame, 'first_frame'));
    if (r.last_frame) content.push(picture(r.last_frame, 'last_frame'));
    for (const { type, source } of r.references ?? [])
        content.push({ type: `${type}_url`, [`${type}_url`]: { url: `mm_file://${source}` }, role: `reference_${type}` });
    return {
        create: '/v2/video_generation',
        body: clean({ model: model.name, content, resolution: r.resolution, duration: r.seconds, ratio: r.ratio }),
        scheme: 'Bearer',
        id: 'task_id',
        poll: '/v2/query/video_generation/{id}',
        state: 'task.status',
        good: ['succeeded'],
        bad: ['failed', 'cancelled'],
        clip: 'task.content.url',
        left: left(r, ['seed', 'negative_prompt', 'steps', 'guidance', 'subjects', 'optimizer', 'watermark']),
    };
}

function size({ request: r, model, mode }: Wanted): string | undefined {
    const output = outputOf(model, mode, r.resolution ?? '', r.seconds ?? 0);
    return output?.width && output.height ? `${output.width}x${output.height}` : undefined;
}

function talkOpenai(wanted: Wanted): Talk {
    const { request: r, model, links } = wanted;
    return {
        create: '/v1/videos',
        body: clean({
            model: model.id,
            prompt: r.prompt ?? '',
            seconds: r.seconds === undefined ? undefined : String(r.seconds),
            size: size(wanted),
            input_reference: r.first_frame ? { image_url: links[r.first_frame] ?? r.first_frame } : undefined,
            seed: r.seed,
            negative_prompt: r.negative_prompt,
            num_inference_steps: r.steps,
            guidance_scale: r.guidance,
        }),
        scheme: 'Bearer',
        id: 'id',
        poll: '/v1/videos/{id}',
        state: 'status',
        good: ['completed'],
        bad: ['failed'],
        clip: '/v1/videos/{id}/content',
        left: left(r, ['last_frame', 'subjects', 'references', 'ratio', 'optimizer', 'watermark']),
    };
}

/** How fal names a hosted model's modes; other models go by their slug. */
function falEndpoint({ model, mode, request }: Wanted): string {
    const name = model.id.replace(/^minimax\//, '');
    const task = mode === 'text' ? 'text-to-video' : mode === 'reference' ? 'reference-to-video' : 'image-to-video';
    if (model.provider !== 'minimax') return model.id;
    if (name === 'h3' || name === 'h3-max') return `minimax/${name}/${task}`;
    if (name.startsWith('hailuo')) return `fal-ai/minimax/${name}/${request.resolution === '1080P' ? 'pro' : 'standard'}/${task}`;
    if (mode === 'subject') return 'fal-ai/minimax/video-01-subject-reference';
    const line = name.endsWith('-director') ? 'video-01-director' : name.endsWith('-live') ? 'video-01-live' : 'video-01';
    return `fal-ai/minimax/${line}${mode === 'text' ? '' : '/image-to-video'}`;
}

function talkFal(wanted: Wanted): Talk {
    const { request: r, model, links } = wanted;
    const link = (id: string | undefined) => (id ? (links[id] ?? id) : undefined);
    const endpoint = falEndpoint(wanted);
    const app = endpoint.split('/').slice(0, 2).join('/');
    const h3 = model.id.includes('/h3');
    return {
        create: `/fal/${endpoint}`,
        body: clean({
            prompt: r.prompt ?? '',
            image_url: link(r.first_frame),
            end_image_url: link(r.last_frame),
            subject_reference_image_url: link(r.subjects?.[0]),
            reference_image_urls: r.references?.filter((row) => row.type === 'image').map((row) => link(row.source)!),
            duration: r.seconds === undefined || /\/video-01/.test(endpoint) || endpoint.includes('/pro/') ? undefined : h3 || model.provider !== 'minimax' ? r.seconds : String(r.seconds),
            resolution: h3 || r.resolution === '512P' ? r.resolution : undefined,
            aspect_ratio: r.ratio,
            prompt_optimizer: r.optimizer,
            seed: model.provider === 'minimax' ? undefined : r.seed,
        }),
        scheme: 'Key',
        id: 'request_id',
        poll: `/fal/${app}/requests/{id}/status`,
        state: 'status',
        good: ['COMPLETED'],
        bad: [],
        result: `/fal/${app}/requests/{id}`,
        clip: 'video.url',
        left: left(r, ['negative_prompt', 'steps', 'guidance', 'watermark']).concat(model.provider === 'minimax' ? left(r, ['seed']) : []),
    };
}

function talkReplicate(wanted: Wanted): Talk {
    const { request: r, model, links } = wanted;
    const link = (id: string | undefined) => (id ? (links[id] ?? id) : undefined);
    return {
        create: `/v1/models/${model.id}/predictions`,
        body: {
            input: clean({
                prompt: r.prompt ?? '',
                first_frame_image: link(r.first_frame),
                last_frame_image: link(r.last_frame),
                subject_reference: link(r.subjects?.[0]),
                duration: r.seconds,
                resolution: r.resolution?.toLowerCase(),
                aspect_ratio: r.ratio,
                prompt_optimizer: r.optimizer,
                seed: r.seed,
            }),
        },
        scheme: 'Bearer',
        id: 'id',
        poll: '/v1/predictions/{id}',
        state: 'status',
        good: ['succeeded'],
        bad: ['failed', 'canceled'],
        clip: 'output',
        left: left(r, ['negative_prompt', 'steps', 'guidance', 'watermark', 'references']),
    };
}

function modellixSlug({ model, mode }: Wanted): string {
    const name = model.id.replace(/^minimax\//, '');
    if (model.provider !== 'minimax') return model.id;
    if (/^[tis]2v-01/.test(name)) return `minimax/minimax-${name}`;
    return `minimax/${name}-${mode === 'text' ? 't2v' : mode === 'last_frame' ? 'fl2v' : 'i2v'}`;
}

function talkModellix(wanted: Wanted): Talk {
    const { request: r, links } = wanted;
    const link = (id: string | undefined) => (id ? (links[id] ?? id) : undefined);
    return {
        create: `/api/v1/${modellixSlug(wanted)}/async`,
        body: clean({
            prompt: r.prompt,
            first_frame_image: link(r.first_frame),
            last_frame_image: link(r.last_frame),
            duration: r.seconds,
            resolution: r.resolution,
            prompt_optimizer: r.optimizer,
        }),
        scheme: 'Bearer',
        id: 'data.task_id',
        poll: '/api/v1/tasks/{id}',
        state: 'data.status',
        good: ['success'],
        bad: ['failed'],
        clip: 'data.result.resources.0.url',
        left: left(r, ['seed', 'ratio', 'negative_prompt', 'steps', 'guidance', 'watermark', 'subjects', 'references']),
    };
}

const talks: Record<Dialect, (wanted: Wanted) => Talk> = {
    conch: talkConch,
    minimax1: talkMinimax1,
    minimax2: talkMinimax2,
    openai: talkOpenai,
    fal: talkFal,
    replicate: talkReplicate,
    modellix: talkModellix,
};

// ---- languages ----

const pretty = (value: Value, indent = 2) => JSON.stringify(value, null, indent);
const shell = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;
const jq = (path: string) => '.' + path.replace(/\.(\d+)/g, '[$1]');

function curl(talk: Talk, origin: string): string {
    const auth = `-H "Authorization: ${talk.scheme} $CONCH_KEY"`;
    const ended = [...talk.good, ...talk.bad];
    const lines = [
        '# CONCH_KEY holds a key of this server; jq reads JSON',
        `id=$(curl -sS ${origin}${talk.create} \\`,
        `  ${auth} \\`,
        `  -H 'Content-Type: application/json' \\`,
        `  -d ${shell(pretty(talk.body))} | jq -r ${shell(jq(talk.id))})`,
        '',
        `until curl -sS ${auth} "${origin}${talk.poll.replace('{id}', '$id')}" -o state.json &&`,
        `  jq -e ${shell(ended.map((word) => `${jq(talk.state)} == "${word}"`).join(' or '))} state.json >/dev/null; do sleep 2; done`,
        `jq . state.json`,
        '',
    ];
    if (talk.clip.startsWith('/')) lines.push(`curl -sS -L ${auth} "${origin}${talk.clip.replace('{id}', '$id')}" -o clip.mp4`);
    else {
        if (talk.result) {
            if (talk.file) lines.push(`file=$(jq -r ${shell(jq(talk.file))} state.json)`);
            lines.push(`curl -sS ${auth} "${origin}${talk.result.replace('{id}', '$id').replace('{file}', '$file')}" -o state.json`);
        }
        lines.push(`curl -sS -L "$(jq -r ${shell(jq(talk.clip))} state.json)" -o clip.mp4`);
    }
    return lines.join('\n') + '\n';
}

function python(talk: Talk, origin: string): string {
    const literal = pretty(talk.body, 4)
        .replace(/(?<=[:[,]\s*)true\b(?=[,\n])/g, 'True')
        .replace(/(?<=[:[,]\s*)false\b(?=[,\n])/g, 'False')
        .replace(/(?<=[:[,]\s*)null\b(?=[,\n])/g, 'None');
    const index = (root: string, path: string) => root + path.split('.').map((name) => (/^\d+$/.test(name) ? `[${name}]` : `["${name}"]`)).join('');
    const url = (path: string) => `ORIGIN + f"${path}"`;
    const words = (list: string[]) => `(${list.map((word) => `"${word}"`).join(', ')},)`;
    const lines = [
        'import os, time',
        'import requests',
        '',
        `ORIGIN = "${origin}"`,
        'http = requests.Session()',
        `http.headers["Authorization"] = "${talk.scheme} " + os.environ["CONCH_KEY"]`,
        '',
        `made = http.post(ORIGIN + "${talk.create}", json=${literal})`,
        'made.raise_for_status()',
        `id = ${index('made.json()', talk.id)}`,
        '',
        'while True:',
        `    state = http.get(${url(talk.poll)}).json()`,
        `    if ${index('state', talk.state)} in ${words([...talk.good, ...talk.bad])}:`,
        '        break',
        '    time.sleep(2)',
    ];
    if (talk.bad.length) lines.push(`if ${index('state', talk.state)} not in ${words(talk.good)}:`, '    raise SystemExit(state)');
    lines.push('');
    if (talk.clip.startsWith('/')) lines.push(`clip = http.get(${url(talk.clip)}).content`);
    else {
        if (talk.file) lines.push(`file = ${index('state', talk.file)}`);
        if (talk.result) lines.push(`state = http.get(${url(talk.result)}).json()`);
        lines.push(`clip = requests.get(${index('state', talk.clip)}).content`);
    }
    lines.push('open("clip.mp4", "wb").write(clip)');
    return lines.join('\n') + '\n';
}

function javascript(talk: Talk, origin: string): string {
    const index = (root: string, path: string) => root + path.split('.').map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`)).join('');
    const url = (path: string) => `ORIGIN + \`${path.replace('{', '${')}\``;
    const words = (list: string[]) => `[${list.map((word) => `'${word}'`).join(', ')}]`;
    const lines = [
        "import { writeFile } from 'node:fs/promises';",
        '',
        `const ORIGIN = '${origin}';`,
        `const headers = { Authorization: \`${talk.scheme} \${process.env.CONCH_KEY}\`, 'Content-Type': 'application/json' };`,
        '',
        `const made = await fetch(ORIGIN + '${talk.create}', {`,
        "    method: 'POST',",
        '    headers,',
        `    body: JSON.stringify(${pretty(talk.body, 4).replace(/\n/g, '\n    ')}),`,
        '});',
        'if (!made.ok) throw new Error(await made.text());',
        `const id = ${index('(await made.json())', talk.id)};`,
        '',
        'let state;',
        'do {',
        '    await new Promise((done) => setTimeout(done, 2000));',
        `    state = await (await fetch(${url(talk.poll)}, { headers })).json();`,
        `} while (!${words([...talk.good, ...talk.bad])}.includes(${index('state', talk.state)}));`,
    ];
    if (talk.bad.length) lines.push(`if (!${words(talk.good)}.includes(${index('state', talk.state)})) throw new Error(JSON.stringify(state));`);
    lines.push('');
    if (talk.clip.startsWith('/')) lines.push(`const clip = await fetch(${url(talk.clip)}, { headers });`);
    else {
        if (talk.file) lines.push(`const file = ${index('state', talk.file)};`);
        if (talk.result) lines.push(`state = await (await fetch(${url(talk.result)}, { headers })).json();`);
        lines.push(`const clip = await fetch(${index('state', talk.clip)});`);
    }
    lines.push("await writeFile('clip.mp4', Buffer.from(await clip.arrayBuffer()));");
    return lines.join('\n') + '\n';
}

/** The code, and the fields of the request that the wire format has no words for. */
export function codeOf(wanted: Wanted, dialect: Dialect, language: Language, origin: string): { code: string; left: string[] } {
    const talk = talks[dialect](wanted);
    const code = language === 'curl' ? curl(talk, origin) : language === 'python' ? python(talk, origin) : javascript(talk, origin);
    return { code, left: talk.left };
}
