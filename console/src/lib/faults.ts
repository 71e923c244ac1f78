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

let pending: Promise<Fault[]> | null = null;

export function useFaults(wanted: boolean): Fault[] | null {
    const [faults, set] = useState<Fault[] | null>(null);
    useEffect(() => {
        if (!wanted || faults) return;
        pending ??= call<{ faults: Fault[] }>('GET', '/api/v1/faults').then(a => a.faults);
        pending.then(set, () => void (pending = null));
    }, [wanted, faults]);
    return faults;
}

// The row of a cause, else that of the detail, else (a status) that of its class.
export function findFault(faults: Fault[], reason: string, detail: string, cause?: string): Fault | undefined {
    const of = faults.filter(f => f.reason === reason);
    return (cause && of.find(f => f.cause === cause)) || of.find(f => !f.cause && f.detail === detail) || of.find(f => f.detail === detail)
        || of.find(f => f.cause === `http_${detail}`) || of.find(f => f.cause === `http_${detail[0] ?? ''}xx`) || (reason === 'error_status_code' ? of.find(f => !f.cause) ?? of[0] : undefined);
}
