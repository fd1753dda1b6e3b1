// Pictograms, drawn with the text's colour; what they mean stands beside them or in a label.
const paths = {
    create: 'M12 5v14M5 12h14',
    gallery: 'M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z',
    compare: 'M4 5h7v14H4zM13 5h7v14h-7z',
    models: 'M12 3l8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9',
    usage: 'M5 20V11M12 20V4M19 20v-6',
    settings: 'M14.500 9.500a5 5 0 1 0-4.600 3L12 14.600V17h2.400v2.400H17V21h4v-4z',
    play: 'M8 5l11 7-11 7z',
    pause: 'M8 5v14M16 5v14',
    close: 'M6 6l12 12M18 6L6 18',
    check: 'M5 13l4.500 4.500L19 7',
    down: 'M12 4v12M6.500 11l5.500 5.500 5.500-5.500M5 20h14',
    remix: 'M4 9h11l-3.500-3.500M20 15H9l3.500 3.500',
    trash: 'M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13',
    code: 'M9 7l-5 5 5 5M15 7l5 5-5 5',
    dice: 'M5 5h14v14H5zM9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01',
    picture: 'M4 5h16v14H4zM4 16l5-5 4 4 2.500-2.500L20 17M15.500 9h.01',
    swap: 'M7 4v14M3.500 14.500L7 18l3.500-3.500M17 20V6M13.500 9.500L17 6l3.500 3.500',
    sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400',
    moon: 'M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10z',
    auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
    copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
    chevron: 'M6 9l6 6 6-6',
    out: 'M10 5H5v14h5M15 8l4 4-4 4M9 12h10',
    extend: 'M4 6h9v12H4zM16 12h5M18.500 9.500L21 12l-2.500 2.500',
    undo: 'M5 9h9a5 5 0 0 1 0 10h-4M5 9l4-4M5 9l4 4',
    search: 'M10.500 4.500a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5',
    external: 'M14 4h6v6M20 4l-9 9M10 5H5v14h14v-5',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
    return (
        <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d={paths[name]} />
        </svg>
    );
}

/** The sign of the house. */
export function Shell({ size = 24 }: { size?: number }) {
    return (
        <svg class="shell" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d="M19.500 16.200c-1.500 3.300-5.300 5-8.800 3.900-4.100-1.300-6.200-5.800-4.900-9.800 1.100-3.400 4.700-5.200 8-4.100 2.800.9 4.200 3.900 3.300 6.600-.7 2.200-3.100 3.300-5.300 2.600-1.700-.6-2.600-2.400-2-4.100.4-1.300 1.900-2 3.200-1.600" />
        </svg>
    );
}
