// What has been done is said in a corner, and to a screen reader, without taking the focus.
import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icons';

interface Toast {
    id: number;
    text: string;
}
let toasts: Toast[] = [];
let count = 0;
const listeners = new Set<() => void>();
const tell = (): void => listeners.forEach(f => f());

export function toast(text: string): void {
    const id = ++count;
    toasts = [...toasts.slice(-2), { id, text }];
    tell();
    setTimeout(() => {
        toasts = toasts.filter(x => x.id !== id);
        tell();
    }, 5000);
}

export function Toasts() {
    const [, again] = useState(0);
    useEffect(() => {
        const f = (): void => again(n => n + 1);
        listeners.add(f);
        return () => void listeners.delete(f);
    }, []);
    return <div class="toasts" role="status" aria-live="polite">{toasts.map(x => <p key={x.id} class="toast"><Icon name="check" />{x.text}</p>)}</div>;
}
