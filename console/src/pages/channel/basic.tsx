// Basic settings: what the channel is.
import { useState } from 'preact/hooks';
import { call } from '../../lib/api';
import { dateTime } from '../../lib/format';
import { navigate } from '../../lib/router';
import { isAdmin } from '../../lib/session';
import { useTexts } from '../../texts';
import { Badge, Button, Card, Copy, Field, Time, useAction, type Tone } from '../../ui/parts';
import { FormDialog, useDialog } from '../../ui/dialog';
import { Refused } from '../../ui/states';
import { EditRow, Row } from '../../ui/row';
import { toast } from '../../ui/toast';
import type { ContactState, Language } from '../../lib/types';
import type { ChannelProps } from './props';

interface Secret {
    channelSecret: string;
    previousUntil?: string | null;
}

function SecretRow({ path }: { path: string }) {
    const t = useTexts();
    const action = useAction();
    const [secret, set] = useState<Secret | null>(null);
    const turn = (): void => {
        if (secret) set(null);
        else void action.run(async () => set(await call<Secret>('GET', `${path}/secret`)));
    };
    return (
        <Row label={t.basic.secret} hint={<>{t.basic.secretHint}{secret?.previousUntil && <> {t.basic.previousUntil(dateTime(secret.previousUntil))}</>}</>}
            actions={<>{secret && <Copy text={secret.channelSecret} label={t.basic.secret} />}<Button kind="quiet" busy={action.busy} aria-label={`${secret ? t.common.hide : t.common.show}: ${t.basic.secret}`} onClick={turn}>{secret ? t.common.hide : t.common.show}</Button></>}>
            {secret ? <code class="secret" data-test="secret">{secret.channelSecret}</code> : <span class="muted" aria-hidden="true">••••••••••••••••</span>}
            <Refused refusal={action.refusal} />
        </Row>
    );
}

const contactTones: Record<ContactState, Tone> = { unconfirmed: 'warn', confirmed: 'good', refused: 'bad' };

// The address, whether its owner wants mails, and what happens until they say so.
function ContactRow({ channel, account, path, reload, onSave }: ChannelProps & { onSave: (v: string) => Promise<void> }) {
    const t = useTexts();
    const action = useAction();
    const vouching = useDialog();
    const admin = isAdmin(account, channel), state = channel.contactEmailState, asked = channel.contactEmailAskedAt;
    const on = Boolean(channel.errorNotification && channel.notificationAvailable);
    const hint = !state ? t.basic.contactHint
        : state === 'confirmed' ? t.basic.contactConfirmed
            : state === 'refused' ? t.basic.contactRefused
                : asked ? t.basic.contactAsked(dateTime(asked)) : on ? t.basic.contactNotAsked : t.basic.contactLater;
    const ask = (): void => void action.run(async () => {
        await call('POST', `${path}/contact/ask`);
        toast(t.basic.contactSent);
        await reload();
    });
    return (
        <>
            <EditRow label={t.basic.contact} property="contactEmail" type="email" value={channel.contactEmail ?? ''} hint={hint} mayEdit={admin} onSave={onSave}
                shown={state ? <>{channel.contactEmail} <Badge tone={contactTones[state]}>{t.basic.contactStates[state]}</Badge></> : undefined}
                actions={state === 'unconfirmed' && (
                    <>
                        {admin && on && <Button kind="quiet" busy={action.busy} onClick={ask}>{asked ? t.basic.contactAgain : t.basic.contactAsk}</Button>}
                        {account.operator && <Button kind="quiet" onClick={vouching.show}>{t.basic.contactVouch}</Button>}
                    </>
                )} />
            {action.refusal && <div class="card-text"><Refused refusal={action.refusal} /></div>}
            {vouching.open && (
                <FormDialog title={t.basic.contactVouchTitle} yes={t.basic.contactVouch} onClose={vouching.hide}
                    onYes={async () => { await call('PATCH', `${path}/contact`, { state: 'confirmed' }); toast(t.common.saved); await reload(); }}>
                    <p>{t.basic.contactVouchText(channel.contactEmail ?? '')}</p>
                </FormDialog>
            )}
        </>
    );
}

export function Basic(props: ChannelProps) {
    const { channel, account, path, change } = props;
    const t = useTexts();
    const admin = isAdmin(account, channel);
    const deleting = useDialog();
    const [typed, type] = useState('');
    const saved = async (members: Parameters<typeof change>[0]): Promise<void> => {
        await change(members);
        toast(t.common.saved);
    };
    return (
        <>
            <Card title={t.basic.title}>
                <EditRow label={t.basic.name} property="name" value={channel.name} mayEdit={admin} max={100} onSave={name => saved({ name })} />
                <Row label={t.basic.id} actions={<Copy text={channel.channelId} label={t.basic.id} />}><span class="mono">{channel.channelId}</span></Row>
                <Row label={t.basic.botUserId} actions={<Copy text={channel.botUserId} label={t.basic.botUserId} />}><span class="mono">{channel.botUserId}</span></Row>
                {admin ? <SecretRow path={path} /> : <Row label={t.basic.secret}><span class="muted">{t.basic.onlyAdmin}</span></Row>}
                {channel.contactEmail !== undefined && <ContactRow {...props} onSave={v => saved({ contactEmail: v || null })} />}
                <EditRow label={t.basic.language} property="language" value={channel.language} shown={channel.language === 'ja' ? '日本語' : 'English'} hint={t.basic.languageHint}
                    options={[['en', 'English'], ['ja', '日本語']]} mayEdit={admin} onSave={v => saved({ language: v as Language })} />
                <Row label={t.basic.created}><Time at={channel.createdAt} /></Row>
                <Row label={t.basic.updated}><Time at={channel.updatedAt} /></Row>
            </Card>
            {admin && (
                <Card title={t.basic.danger}>
                    <div class="danger-zone"><p class="hint">{t.basic.dangerText}</p><Button kind="danger" icon="trash" onClick={() => { type(''); deleting.show(); }}>{t.basic.deleteYes}</Button></div>
                </Card>
            )}
            {deleting.open && (
                <FormDialog title={t.basic.deleteTitle} yes={t.basic.deleteYes} danger disabled={typed.trim() !== channel.name.trim()} onClose={deleting.hide} stay
                    onYes={async () => { await call('DELETE', path); toast(t.basic.deleted); navigate('/'); }}>
                    <p>{t.basic.deleteText(channel.name)}</p>
                    <Field label={t.basic.deleteType(channel.name)}>{ids => <input {...ids} type="text" autoFocus autoComplete="off" spellcheck={false} value={typed} onInput={e => type(e.currentTarget.value)} />}</Field>
                </FormDialog>
            )}
        </>
    );
}
