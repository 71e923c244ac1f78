// Messaging API: where webhooks go, the switches, limits, tokens, the secret's rotation.
import { useState } from 'preact/hooks';
import { call } from '../../lib/api';
import { figure, parsePauses, pauses } from '../../lib/format';
import { isAdmin, isMember } from '../../lib/session';
import type { Channel } from '../../lib/types';
import { useTexts } from '../../texts';
import { numberFields, switchFields, type NumberField, type SwitchField } from '../../texts/fields';
import { Button, Card, Field, Switch, useAction } from '../../ui/parts';
import { FormDialog, useDialog } from '../../ui/dialog';
import { Refused } from '../../ui/states';
import { EditRow } from '../../ui/row';
import { toast } from '../../ui/toast';
import type { ChannelProps } from './props';
import { Rotation } from './rotation';
import { Tokens } from './tokens';
import { Verify } from './verify';

type SwitchName = 'useWebhook' | 'errorNotification' | SwitchField;

function Switches({ channel, account, change }: ChannelProps) {
    const t = useTexts();
    const admin = isAdmin(account, channel);
    const action = useAction();
    const [turning, setTurning] = useState<SwitchName | null>(null);
    const off = useDialog();
    const turn = async (name: SwitchName, label: string, on: boolean): Promise<void> => {
        setTurning(name);
        if (await action.run(() => change({ [name]: on } as Partial<Channel>))) toast(on ? t.messaging.switchOn(label) : t.messaging.switchOff(label));
        setTurning(null);
    };
    const one = (name: SwitchName, label: string, hint: string, more?: { disabled: boolean; why: preact.ComponentChildren }) => (
        <Switch key={name} label={label} hint={<>{hint}{more?.disabled && <> {more.why}</>}</>} on={Boolean(channel[name])} disabled={!admin || more?.disabled} busy={turning === name}
            onTurn={on => (name === 'useWebhook' && !on ? off.show() : void turn(name, label, on))} />
    );
    const lacking = !channel.notificationAvailable && !channel.errorNotification;
    return (
        <>
            {one('useWebhook', t.messaging.useWebhook, t.messaging.useWebhookHint)}
            {switchFields.map(name => one(name, t.fields[name].label, t.fields[name].hint))}
            {one('errorNotification', t.messaging.notification, t.messaging.notificationHint, {
                disabled: lacking, why: <>{t.messaging.notificationNeeds} {admin && <a href={`/providers/${channel.providerId}/options`}>{t.messaging.notificationApply}</a>}</>,
            })}
            <Refused refusal={action.refusal} />
            {off.open && (
                <FormDialog title={t.messaging.offTitle} yes={t.messaging.offYes} danger onClose={off.hide}
                    onYes={async () => { await change({ useWebhook: false }); toast(t.messaging.switchOff(t.messaging.useWebhook)); }}>
                    <p>{t.messaging.offText}</p>
                </FormDialog>
            )}
        </>
    );
}

function TestEvent({ channel, path }: ChannelProps) {
    const t = useTexts();
    const dialog = useDialog();
    const [text, setText] = useState('');
    const [sent, setSent] = useState<string | null>(null);
    const send = async (): Promise<void> => {
        const answer = await call<{ webhookEventIds: string[] }>('POST', `${path}/test-event`, { text: text.trim() || t.messaging.testDefault });
        setSent(answer.webhookEventIds[0] ?? null);
        toast(t.messaging.testSent);
    };
    return (
        <Card title={t.messaging.test}>
            <div class="danger-zone">
                <p class="hint">{t.messaging.testHint}{sent && <> <a href={`/channels/${channel.channelId}/deliveries/${sent}`}>{t.messaging.testOpen}</a></>}</p>
                <Button onClick={dialog.show} disabled={!channel.useWebhook || !channel.webhookUrl}>{t.messaging.testSend}</Button>
            </div>
            {dialog.open && (
                <FormDialog title={t.messaging.test} yes={t.messaging.testSend} fields={['text']} onYes={send} onClose={dialog.hide}>
                    {refusal => (
                        <Field label={t.messaging.testText} hint={t.messaging.testHint} error={refusal?.of('text')}>
                            {ids => <textarea {...ids} rows={3} maxLength={1000} placeholder={t.messaging.testDefault} value={text} onInput={e => setText(e.currentTarget.value)} />}
                        </Field>
                    )}
                </FormDialog>
            )}
        </Card>
    );
}

export function Messaging(props: ChannelProps) {
    const t = useTexts();
    const { channel, account, path, change } = props;
    const admin = isAdmin(account, channel), member = isMember(account, channel);
    const [verifying, verify] = useState(0);
    const clear = useAction();
    const number = (name: NumberField) => {
        const { label, hint, unit } = t.fields[name], value = channel[name];
        const save = async (v: string): Promise<void> => {
            await change({ [name]: v === '' ? null : Number(v) } as Partial<Channel>);
            toast(t.common.saved);
        };
        return <EditRow key={name} label={label} property={name} type="number" value={value === null ? '' : String(value)} suffix={unit} hint={hint} mayEdit={admin} onSave={save}
            shown={value === null ? undefined : unit ? <>{figure(value)} {unit}</> : figure(value)} />;
    };
    return (
        <>
            <Card title={t.messaging.webhook}>
                <EditRow label={t.messaging.url} property="webhookUrl" type="url" mono value={channel.webhookUrl ?? ''} shown={channel.webhookUrl ? <span class="url">{channel.webhookUrl}</span> : <span class="muted">{t.messaging.urlNone}</span>}
                    hint={t.messaging.urlHint} mayEdit={admin} max={500} onSave={async v => { await change({ webhookUrl: v || null }); verify(0); toast(t.messaging.urlSaved); }}
                    actions={member && channel.webhookUrl && <Button kind="primary" onClick={() => verify(n => n + 1)}>{t.messaging.verify}</Button>} />
                {verifying > 0 && channel.webhookUrl && <Verify key={verifying} path={path} url={channel.webhookUrl} onAgain={() => verify(n => n + 1)} onClose={() => verify(0)} />}
                <Switches {...props} />
                <Refused refusal={clear.refusal} />
            </Card>
            <Card title={t.channel.deliveries}>
                {numberFields.map(number)}
                <EditRow label={t.messaging.schedule} property="redeliverySchedule" value={pauses(channel.redeliverySchedule ?? [])} shown={channel.redeliverySchedule ? undefined : <span class="muted">{t.messaging.scheduleDefault}</span>} hint={t.messaging.scheduleHint} mayEdit={admin}
                    check={v => (parsePauses(v) ? undefined : t.messaging.scheduleBad)} onSave={async v => { await change({ redeliverySchedule: v ? parsePauses(v) : null }); toast(t.common.saved); }} />
            </Card>
            {member && <TestEvent {...props} />}
            {admin && <Tokens path={path} />}
            {admin && <Rotation path={path} />}
        </>
    );
}
