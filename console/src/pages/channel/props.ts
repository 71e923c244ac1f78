// What the page of a channel gives to its tabs.
import type { Account, Channel, ChannelLive } from '../../lib/types';

export interface ChannelProps {
    channel: Channel;
    live: ChannelLive | null;
    account: Account;
    path: string; // of the API
    change: (members: Partial<Channel>) => Promise<void>;
    reload: () => Promise<void>;
}
