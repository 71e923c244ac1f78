// For the owner of a contact address, who has the link of the mail that asked and no account. Opening the page decides nothing: a button does.
import { useEffect, useState } from 'preact/hooks';
import { asRefusal, call, type Refusal } from '../lib/api';
import { usePlace } from '../lib/router';
import type { ContactView } from '../lib/types';
import { useTexts } from '../texts';
import { Button, useAction } from '../ui/parts';
import { Failure, Loading, Notice, Refused } from '../ui/states';
import { Gate } from '../ui/shell';

type Answer = 'confirm' | 'refuse';

export function Contact() {
    const t = useTexts();
    const { hash } = usePlace();
    const action = useAction();
    const [seen, see] = useState<ContactView | null>(null);
    const [refusal, fail] = useState<Refusal | null>(null);
    const [given, give] = useState<Answer | null>(null); // by this page
    const send = (answer?: Answer): Promise<ContactView> => call<ContactView>('POST', '/api/v1/contact', { token: hash, answer }, { quiet: true });
    const look = async (): Promise<void> => {
        try {
            see(await send());
            fail(null);
        } catch (e) {
            fail(asRefusal(e));
        }
    };
    useEffect(() => {
        if (hash) void look();
    }, [hash]);
    const answer = (to: Answer): void => void action.run(async () => {
        see(await send(to));
        give(to);
    });

    if (!hash || refusal?.status === 403)
        return <Gate title={t.contact.title}><Notice icon="warn" title={hash ? t.contact.badLink : t.setup.badLink} text={hash ? t.contact.badLinkText : t.contact.wholeLink} /></Gate>;
    if (refusal) return <Gate title={t.contact.title}><Failure refusal={refusal} retry={() => void look()} /></Gate>;
    if (!seen) return <Gate title={t.contact.title}><Loading lines={4} /></Gate>;
    const refused = seen.contactEmailState === 'refused', confirmed = seen.contactEmailState === 'confirmed';
    return (
        <Gate title={t.contact.title}>
            <dl class="facts tight">
                <dt>{t.contact.address}</dt><dd>{seen.contactEmail}</dd>
                <dt>{t.contact.provider}</dt><dd>{seen.providerName}</dd>
                <dt>{t.contact.channel}</dt><dd>{seen.channelName ?? t.contact.gone} <span class="muted mono">{seen.channelId}</span></dd>
            </dl>
            {refused && <p class="banner info" role="status">{given ? t.contact.nowRefused : t.contact.refused}</p>}
            {confirmed && <p class="banner info" role="status">{given ? t.contact.nowConfirmed : t.contact.confirmed}</p>}
            {!refused && !confirmed && <p>{seen.mayConfirm ? t.contact.ask : t.contact.tooOld}</p>}
            <Refused refusal={action.refusal} say={r => (r.status === 409 ? t.contact.used : undefined)} />
            {seen.mayConfirm && <Button kind="primary" busy={action.busy} onClick={() => answer('confirm')}>{t.contact.yes}</Button>}
            {!refused && <Button busy={action.busy} onClick={() => answer('refuse')}>{confirmed ? t.contact.stop : t.contact.no}</Button>}
            {!refused && <p class="hint">{t.contact.noHint}</p>}
        </Gate>
    );
}
