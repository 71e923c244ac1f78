import { en, type Texts } from './en';
import { ja } from './ja';
import { usePreferences } from '../lib/preferences';

const catalogues = { en, ja };

export function useTexts(): Texts {
    return catalogues[usePreferences().language];
}

export type { Texts };
