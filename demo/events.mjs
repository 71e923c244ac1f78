// Webhook events in LINE's format: a text message, a new friend, a pressed button.
import { randomBytes } from 'node:crypto';

const hex = () => randomBytes(16).toString('hex');

export const MESSAGE_TEXT = '明日の夜7時、2名で予約できますか？🍜';

export function someEvents() {
    const from = { type: 'user', userId: `U${hex()}` };
    const common = () => ({ mode: 'active', timestamp: Date.now(), source: from, replyToken: hex() });
    return [
        { type: 'message', message: { type: 'text', id: '468789577898262530', quoteToken: hex(), text: MESSAGE_TEXT }, ...common() },
        { type: 'follow', follow: { isUnblocked: false }, ...common() },
        { type: 'postback', postback: { data: 'action=reserve&seats=2', params: { datetime: '2026-11-23T19:00' } }, ...common() },
    ];
}
