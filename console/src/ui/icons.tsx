// Line icons on a grid of 16, drawn by us. They decorate: the words beside them, or the button's label, say the same.
const paths = {
    copy: 'M5.5 5.500V3.500a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2M3.500 5.500h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z',
    check: 'M3 8.500l3.500 3.500L13 4.500',
    cross: 'M4 4l8 8M12 4l-8 8',
    warn: 'M8 2.500l6 11H2zM8 6.500v3.500M8 11.800v.2',
    stop: 'M5.500 2.500h5l3 3v5l-3 3h-5l-3-3v-5zM8 5v4M8 11v.2',
    info: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 7.200V11M8 5v.2',
    menu: 'M2.500 4h11M2.500 8h11M2.500 12h11',
    person: 'M8 8.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.500 14c.6-2.600 2.800-4 5.500-4s4.900 1.400 5.500 4',
    plus: 'M8 3v10M3 8h10',
    search: 'M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.500 10.500l3 3',
    down: 'M4 6l4 4 4-4',
    right: 'M6 4l4 4-4 4',
    again: 'M13 8a5 5 0 1 1-1.600-3.700M13.500 2v3h-3',
    download: 'M8 2.500v7M5 7l3 3 3-3M3 13h10',
    print: 'M4.500 6V2.500h7V6M4.500 11.500h-2v-5.500h11v5.500h-2M4.500 9.500h7v4h-7z',
    sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.9.9M11.700 11.700l.9.9M3.400 12.600l.9-.9M11.700 4.300l.9-.9',
    moon: 'M13 9.700A5.500 5.500 0 1 1 6.300 3a4.500 4.500 0 0 0 6.700 6.700z',
    half: 'M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11',
    pause: 'M5.500 3.500v9M10.500 3.500v9',
    trash: 'M2.500 4.500h11M6 4.500v-2h4v2M4 4.500l.7 9h6.600l.7-9',
};
export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
    return (
        <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
            <path d={paths[name]} />
        </svg>
    );
}

export function Logo() {
    return (
        <svg class="logo" width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <rect width="32" height="32" rx="7" class="logo-back" />
            <path d="M7 11h18v11a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2z" />
            <path d="m7.500 11.500 8.500 7 8.500-7" />
        </svg>
    );
}
