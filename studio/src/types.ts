// What the server says, as docs/api/openapi.json describes it; fields that the studio does not use are left out.

export type State =
    | 'queued'
    | 'submitting'
    | 'running'
    | 'storing'
    | 'succeeded'
    | 'failed'
    | 'blocked'
    | 'cancelled'
    | 'unknown';
export type Status = 'pending' | 'processing' | 'blocked' | 'success' | 'failed';
export type Mode = 'text' | 'first_frame' | 'last_frame' | 'subject' | 'reference';
export type Role =
    | 'first_frame'
    | 'last_frame'
    | 'subject'
    | 'reference_image'
    | 'reference_video'
    | 'reference_audio';
export type Unit = 'microusd' | 'millicredit';

export interface List<T> {
    data: T[];
    has_more: boolean;
    next: string | null;
    total?: number | null;
}

export interface Media {
    file_id: string;
    url: string;
    content_type: string;
    bytes: number;
    sha256: string;
    width: number | null;
    height: number | null;
    duration_seconds: number | null;
    expires_at: string | null;
}

export interface Job {
    id: string;
    state: State;
    status: Status;
    cancel_requested: boolean;
    task: string;
    dialect: string;
    model: string;
    model_requested: string | null;
    served_by: string;
    backend: string;
    sandbox: boolean;
    mode: Mode | null;
    prompt: string | null;
    prompt_used: string | null;
    negative_prompt: string | null;
    notes: string[];
    resolution: string | null;
    ratio: string | null;
    seconds: number | null;
    width: number | null;
    height: number | null;
    fps: number | null;
    seed: number | null;
    priority: number;
    settings?: { optimizer: string | null; steps: number | null; guidance: number | null; watermark: boolean | null };
    attempts: number;
    progress: number;
    phase: string | null;
    step: number | null;
    steps: number | null;
    queue_place: number | null;
    eta: string | null;
    eta_seconds: number | null;
    created_at: string;
    started_at: string | null;
    finished_at: string | null;
    error: { code: string; message: string | null; retryable: boolean } | null;
    price: { unit: Unit; quoted: number; charged: number | null; list_microusd: number | null };
    video: Media | null;
    poster: Media | null;
    inputs: { role: Role; file_id: string; url: string }[];
    accepted: boolean | null;
    note: string | null;
    metadata: Record<string, string>;
}

export interface JobEvent {
    id: string | null;
    type: string;
    job_id: string;
    number: number | null;
    at: string;
    state: State;
    previous_state: State;
    status: Status;
    error: string | null;
    message: string | null;
    attempt: number;
    progress: number;
    phase: string | null;
    step: number | null;
    steps: number | null;
}

export interface JobRequest {
    model?: string;
    prompt?: string;
    negative_prompt?: string;
    resolution?: string;
    seconds?: number;
    ratio?: string;
    seed?: number;
    steps?: number;
    guidance?: number;
    optimizer?: boolean;
    watermark?: boolean;
    first_frame?: string;
    last_frame?: string;
    subjects?: string[];
    references?: { type: 'image' | 'video' | 'audio'; source: string }[];
    metadata?: Record<string, string>;
}

export interface Estimate {
    model: string;
    served_by: string;
    backend: string;
    sandbox: boolean;
    mode: Mode;
    resolution: string | null;
    ratio: string | null;
    seconds: number;
    width: number | null;
    height: number | null;
    fps: number | null;
    price: { unit: Unit; amount: number; list_microusd: number | null };
    available: number;
    affordable: boolean;
    wait_seconds: number | null;
    run_seconds: number | null;
    prompt_used: string | null;
    notes: string[];
}

export interface Output {
    modes: Mode[];
    resolution: string;
    seconds: number[];
    width: number | null;
    height: number | null;
    ratio: 'none' | 'required' | 'optional' | 'adaptive';
}

export interface Price {
    meter: 'microusd' | 'millicredit' | 'millipackage';
    resolution: string | null;
    seconds: number | null;
    amount: number;
    source: string | null;
    confidence: string;
}

export interface Pictures {
    bytes_max: number;
    side_min: number;
    side_max: number | null;
    ratio_min: number;
    ratio_max: number;
    formats: string[];
}

/** What the server says of a model; licence and memory_bytes come with newer servers. */
export interface Model {
    id: string;
    provider: string;
    name: string;
    alias: string | null;
    available: boolean;
    reason: string | null;
    served_by: string | null;
    backend: string | null;
    sandbox: boolean;
    modes: Mode[];
    fps: number | null;
    prompt_characters_max: number;
    prompt_required: boolean;
    camera_commands: boolean;
    last_frame_alone: boolean;
    subjects_max: number;
    default_resolution: string | null;
    default_seconds: number | null;
    ratios: string[];
    outputs: Output[];
    pictures: Pictures | null;
    references: {
        images_max: number;
        videos_max: number;
        audios_max: number;
        files_max: number;
        video_seconds_max: number;
        audio_seconds_max: number;
    } | null;
    prices: Price[];
    licence?: string | null;
    memory_bytes?: number | null;
}

export interface StoredFile {
    id: string;
    purpose: string;
    name: string;
    content_type: string;
    bytes: number;
    width: number | null;
    height: number | null;
    url: string;
}

export interface Lot {
    id: string;
    kind: string;
    unit: Unit;
    available: number;
    held: number;
    expires_at: string | null;
}

export interface Key {
    id: string;
    account_id: string;
    name: string;
    tail: string;
    scopes: string[];
    budget_microusd: number | null;
    spent_microusd: number;
    queued_max: number | null;
    running_max: number | null;
    priority_max: number | null;
    policy: string | null;
    created_at: string;
    used_at: string | null;
    expires_at: string | null;
    revoked_at: string | null;
    secret?: string | null;
}

export interface Account {
    id: string;
    balances: { unit: Unit; available: number; held: number }[];
    lots: Lot[];
    key: Key;
}

export interface StatementLine {
    id: string;
    kind: string;
    unit: Unit;
    at: string;
    job_id: string | null;
    lot_id: string | null;
    available_change: number;
    held_change: number;
    spent: number;
    available_after: number;
    held_after: number;
    note: string | null;
}

export interface UsageRow {
    day: string;
    model: string;
    succeeded: number;
    failed: number;
    blocked: number;
    cancelled: number;
    seconds: number;
    charged_microusd: number;
    charged_millicredit: number;
    cost_p50_microusd: number;
    cost_p95_microusd: number;
    wait_p50_ms: number;
    wait_p95_ms: number;
    run_p50_ms: number;
    run_p95_ms: number;
}

export interface Worker {
    name: string;
    kind: string;
    pid: number;
    job_id: string | null;
    started_at: string;
    seen_at: string;
    details: {
        models?: { name: string; title?: string; licence?: string; bytes?: number }[];
        kernels?: string;
        threads?: number;
        ms_per_clip?: Record<string, number>;
    } | null;
}

export interface Session {
    csrf: string;
    key: Key;
}

export interface Ready {
    status: string;
    store: boolean;
    blobs: boolean;
    engine: boolean;
    queued: number;
    running: number;
    free_bytes: number;
    message: string | null;
}
