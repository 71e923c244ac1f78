// Times and figures as text. Times are the same in both languages: 2026/11/22 14:03:05.
const two = (n: number): string => String(n).padStart(2, '0');

// "+09:00" → minutes; the browser's own zone where none is given.
export function zoneMinutes(zone?: string): number | null {
    const m = zone && /^([+-])(\d\d):(\d\d)$/.exec(zone);
    return m ? (m[1] === '-' ? -1 : 1) * (Number(m[2]) * 60 + Number(m[3])) : null;
}

export function zoneText(minutes: number): string {
    const n = Math.abs(minutes);
    return `${minutes < 0 ? '-' : '+'}${two(Math.floor(n / 60))}:${two(n % 60)}`;
}

export const localZone = (): string => zoneText(-new Date().getTimezoneOffset());

function parts(at: Date, zone?: string): number[] {
    const minutes = zoneMinutes(zone);
    if (minutes === null) return [at.getFullYear(), at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()];
    const d = new Date(at.getTime() + minutes * 60_000);
    return [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()];
}

export function dateTime(at: string | number | Date, zone?: string): string {
    const d = new Date(at);
    if (Number.isNaN(d.getTime())) return String(at);
    const [y, mo, da, h, mi, s] = parts(d, zone) as [number, number, number, number, number, number];
    return `${y}/${two(mo)}/${two(da)} ${two(h)}:${two(mi)}:${two(s)}`;
}

export const dateOnly = (at: string | number | Date, zone?: string): string => dateTime(at, zone).slice(0, 10);
export const timeOnly = (at: string | number | Date, zone?: string): string => dateTime(at, zone).slice(11);

// For <input type="datetime-local">, in the zone, and back to milliseconds.
export function toInput(ms: number, zone?: string): string {
    return dateTime(ms, zone).slice(0, 16).replaceAll('/', '-').replace(' ', 'T');
}
export function fromInput(text: string, zone: string): number | null {
    const ms = Date.parse(`${text}:00${zone}`);
    return Number.isNaN(ms) ? null : ms;
}

export const figure = (n: number): string => n.toLocaleString('en-US', { maximumFractionDigits: 1 });

export function duration(us: number): string {
    if (us < 1000) return `${us} µs`;
    if (us < 10_000) return `${(us / 1000).toFixed(2)} ms`;
    if (us < 1_000_000) return `${(us / 1000).toFixed(0)} ms`;
    return `${(us / 1_000_000).toFixed(2)} s`;
}

// 90 → "90s", 120 → "2m"; and back. A list of pauses as people write it.
const UNITS: [string, number][] = [['d', 86_400], ['h', 3600], ['m', 60], ['s', 1]];
export const pauses = (seconds: number[]): string => seconds.map(n => {
    const [unit, size] = UNITS.find(u => n % u[1] === 0) ?? ['s', 1];
    return `${n / size}${unit}`;
}).join(', ');
export function parsePauses(text: string): number[] | null {
    const found = text.split(/[,、\s]+/).filter(Boolean).map(part => {
        const m = /^(\d+)([smhd])?$/.exec(part);
        return m ? Number(m[1]) * (UNITS.find(u => u[0] === (m[2] ?? 's'))?.[1] ?? 1) : null;
    });
    return found.every(n => n !== null) ? found as number[] : null;
}

export function bytes(n: number): string {
    const units = ['B', 'KB', 'MB', 'GB', 'TB'];
    let i = 0;
    for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
    return `${i ? n.toFixed(1) : n} ${units[i]}`;
}

export function age(ms: number): string {
    if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
    const s = Math.round(ms / 1000);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}
