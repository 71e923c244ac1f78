// The fields of a channel that are a switch or a number and need nothing of their own on the page, in its order. Both languages stand in one row, so
// that a field is added here and nowhere else in the console.
import type { Language } from '../lib/types';

interface Words {
    label: string;
    hint: string;
    unit?: string;
}
interface Field extends Record<Language, Words> {
    kind: 'switch' | 'number';
}

const rows = {
    webhookRedelivery: {
        kind: 'switch',
        en: { label: 'Webhook redelivery', hint: 'A webhook that failed is sent again several times, with growing pauses. Your bot server may get an event twice or in another order: compare webhookEventId.' },
        ja: { label: 'Webhookの再送', hint: '送信に失敗したWebhookを、間隔を広げながら数回再送します。同じイベントが重複したり、順序が変わったりすることがあります。webhookEventIdで判別してください。' },
    },
    errorStatistics: {
        kind: 'switch',
        en: { label: 'Error statistics aggregation', hint: 'Counts errors from now on, while Use webhook is on. Nothing is counted afterwards for the time before.' },
        ja: { label: 'エラーの統計情報', hint: 'オンにした時点から、［Webhookの利用］がオンの間のエラーを集計します。過去にさかのぼって集計されることはありません。' },
    },
    responseTimeoutMs: {
        kind: 'number',
        en: { label: 'Response limit', hint: 'How long the bot server may take for a whole response, 100 to 60,000 ms. Empty: the node\'s default.', unit: 'ms' },
        ja: { label: 'レスポンスの制限時間', hint: 'ボットサーバーがレスポンスを返し終えるまでの制限時間です（100〜60,000ミリ秒）。空欄にすると既定値になります。', unit: 'ミリ秒' },
    },
    maxEventsPerRequest: {
        kind: 'number',
        en: { label: 'Events per request', hint: 'At most so many events travel in one request while there is a backlog, 1 to 500. Empty: the default.' },
        ja: { label: '1リクエストあたりのイベント数', hint: '未配信のイベントがたまっているときに、1リクエストにまとめる最大件数です（1〜500）。空欄にすると既定値になります。' },
    },
} satisfies Record<string, Field>;

type Name = keyof typeof rows;
export type SwitchField = { [N in Name]: (typeof rows)[N]['kind'] extends 'switch' ? N : never }[Name];
export type NumberField = Exclude<Name, SwitchField>;
export type FieldValues = Record<SwitchField, boolean> & Record<NumberField, number | null>;

const names = Object.keys(rows) as Name[];
export const switchFields = names.filter((n): n is SwitchField => rows[n].kind === 'switch');
export const numberFields = names.filter((n): n is NumberField => rows[n].kind === 'number');

export function fieldWords(language: Language): Record<Name, Words> {
    return Object.fromEntries(names.map(n => [n, rows[n][language]])) as Record<Name, Words>;
}
