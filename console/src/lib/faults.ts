// The catalogue of faults, fetched once and when it is first asked for.
import { useEffect, useState } from 'preact/hooks';
import { call } from './api';
import type { Both, Processed, Reason } from './types';

export interface Fault {
    reason: Reason;
    detail: string;
    cause?: string;
    processed: Processed;
    explanation: Both;
    advice: Both;
}

interface Catalogue {
    details: Fault[];
    faults: Fault[]; // a row a cause
}

let pending: Promise<Fault[]> | null = null;

export function useFaults(wanted: boolean): Fault[] | null {
    const [faults, set] = useState<Fault[] | null>(null);
    useEffect(() => {
        if (!wanted || faults) return;
        pending ??= call<Catalogue>('GET', '/api/v1/faults').then(a => [...a.details, ...a.faults]);
        pending.then(set, () => void (pending = null));
    }, [wanted, faults]);
    return faults;
}

// Statuses have no row each: their class has.
function causeOfStatus(status: string): string {
    return ({ 1: 'status_informational', 2: 'status_other_success', 3: 'status_redirect', 4: 'status_client_error', 5: 'status_server_error' } as Record<string, string>)[status[0] ?? ''] ?? 'status_unknown';
}

// The row of a cause, else that of the detail.
export function findFault(faults: Fault[], reason: string, detail: string, cause?: string): Fault | undefined {
    const wanted = cause ?? (reason === 'error_status_code' ? causeOfStatus(detail) : undefined);
    return (wanted && faults.find(f => f.cause === wanted)) || faults.find(f => !f.cause && f.reason === reason && f.detail === detail);
}
