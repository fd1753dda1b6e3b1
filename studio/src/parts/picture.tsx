// A place to drop, paste or choose a picture: shows it at once, and says at once what the model would say.
import { useRef, useState } from 'preact/hooks';
import { bytes } from '../format';
import { kindOf, pictureAdd, pictureRemove, type Picture, type Slot } from '../draft';
import { t } from '../text';
import { Icon } from './icons';
import { IconButton } from './ui';

export function PictureZone(props: { slot: Slot; label: string; hint: string; pictures: Picture[]; max: number; problem?: string; accept: string; disabled?: boolean }) {
    const input = useRef<HTMLInputElement>(null);
    const [over, setOver] = useState(false);
    const room = props.max - props.pictures.length;
    const take = (list: FileList | null | undefined) => {
        for (const file of [...(list ?? [])].slice(0, props.max === 1 ? 1 : room)) void pictureAdd(props.slot, file, file.name);
    };
    return (
        <div class={props.problem ? 'zone-group wrong' : 'zone-group'} role="group" aria-label={props.label}>
            {props.pictures.map((picture) => (
                <figure key={picture.key} class="zone-picture">
                    {kindOf(picture) === 'video' ? (
                        <video src={picture.preview} muted preload="metadata" aria-label={picture.name} />
                    ) : kindOf(picture) === 'audio' ? (
                        <span class="zone-file">{picture.name}</span>
                    ) : (
                        <img src={picture.preview} alt={t('zone.alt', { role: props.label, name: picture.name })} />
                    )}
                    {!picture.fileId && !picture.problem && <progress class="zone-sent" max={1} value={picture.sent || undefined} aria-label={t('zone.sending')} />}
                    <figcaption>
                        {props.label}
                        {picture.width > 0 && <span class="dim"> {picture.width}×{picture.height}{picture.bytes > 0 && `, ${bytes(picture.bytes)}`}</span>}
                    </figcaption>
                    <IconButton icon="close" class="zone-remove" label={t('zone.remove', { role: props.label })} onClick={() => pictureRemove(props.slot, picture.key)} />
                </figure>
            ))}
            {room > 0 && (
                <button
                    type="button"
                    class={over ? 'zone over' : 'zone'}
                    disabled={props.disabled}
                    title={props.hint}
                    onClick={() => input.current?.click()}
                    onDragOver={(event) => {
                        event.preventDefault();
                        setOver(true);
                    }}
                    onDragLeave={() => setOver(false)}
                    onDrop={(event) => {
                        event.preventDefault();
                        setOver(false);
                        take(event.dataTransfer?.files);
                    }}
                >
                    <Icon name="picture" />
                    <span>{props.label}</span>
                    <span class="dim zone-hint">{t('zone.drop')}</span>
                </button>
            )}
            <input
                ref={input}
                type="file"
                class="hidden"
                tabIndex={-1}
                aria-hidden="true"
                data-slot={props.slot}
                accept={props.accept}
                multiple={props.max > 1}
                onChange={(event) => {
                    take(event.currentTarget.files);
                    event.currentTarget.value = '';
                }}
            />
            {props.problem && (
                <p class="problem" role="alert">
                    {props.problem}
                </p>
            )}
        </div>
    );
}
