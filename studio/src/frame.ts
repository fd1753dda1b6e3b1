// One picture out of a clip, by a canvas.

function when(video: HTMLVideoElement, name: string): Promise<void> {
    return new Promise((resolve, reject) => {
        video.addEventListener(name, () => resolve(), { once: true });
        video.addEventListener('error', () => reject(new Error(video.error?.message ?? 'video')), { once: true });
    });
}

function draw(video: HTMLVideoElement): Promise<Blob> {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')!.drawImage(video, 0, 0);
    return new Promise((resolve, reject) =>
        canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('canvas'))), 'image/png'),
    );
}

/** What the player shows at this moment. */
export const frameNow = (video: HTMLVideoElement) => draw(video);

/** The frame at a moment of a clip; "last": its last one. */
export async function frameOf(address: string, at: number | 'last'): Promise<Blob> {
    const video = document.createElement('video');
    video.muted = true;
    video.preload = 'auto';
    video.src = address;
    await when(video, 'loadeddata');
    const wish = at === 'last' ? Math.max(0, video.duration - 0.001) : Math.min(at, video.duration);
    if (Math.abs(video.currentTime - wish) > 0.0005) {
        const ready = when(video, 'seeked');
        video.currentTime = wish;
        await ready;
    }
    const blob = await draw(video);
    video.removeAttribute('src');
    video.load();
    return blob;
}
