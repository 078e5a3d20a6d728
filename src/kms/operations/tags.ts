/** TagResource, UntagResource, ListResourceTags. */
import type { TagRecord } from '../../store/index.ts';
import { KmsError } from '../errors.ts';
import { keyOperation } from '../operation.ts';
import { page } from '../pages.ts';
import { boolean, integer, list, required, string, structure } from '../shapes.ts';
import { keyId, marker } from './members.ts';

const MAX_TAGS_PER_KEY = 50;
const tagKey = string({ min: 1, max: 128 });
export const tag = structure({ TagKey: required(tagKey), TagValue: required(string({ max: 256 })) });

interface Tag {
  readonly TagKey: string;
  readonly TagValue: string;
}
export const tagRecord = ({ TagKey, TagValue }: Tag): TagRecord => ({ tagKey: TagKey, tagValue: TagValue });

/** @throws KmsError, with AWS's texts */
export function requireTags(tags: readonly Tag[]): void {
  const keys = tags.map(({ TagKey }) => TagKey);
  if (tags.length > MAX_TAGS_PER_KEY) throw tooManyTags();
  if (new Set(keys).size < keys.length) throw new KmsError('TagException', 'Duplicate tag keys');
  refuseReserved(keys);
}

function refuseReserved(keys: readonly string[]): void {
  if (keys.some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw new KmsError('TagException', 'Tags beginning with aws: are reserved');
  }
}

const tooManyTags = (): KmsError => new KmsError('TagException', 'Too many tags');
const LABELLED_KEY = { member: 'KeyId', state: 'labelling', names: 'key' } as const;

export const TAG_OPERATIONS = {
  TagResource: keyOperation({
    input: { KeyId: required(keyId), Tags: required(list(tag)) },
    key: LABELLED_KEY,
    check: ({ Tags }) => requireTags(Tags),
    async run({ service: { store }, input, key }) {
      if (input.Tags.length === 0) return undefined;
      const wereTagged = await store.putTags(key.record.keyId, input.Tags.map(tagRecord), MAX_TAGS_PER_KEY);
      if (!wereTagged) throw tooManyTags();
      return undefined;
    },
  }),

  UntagResource: keyOperation({
    input: { KeyId: required(keyId), TagKeys: required(list(tagKey)) },
    key: LABELLED_KEY,
    check: ({ TagKeys }) => refuseReserved(TagKeys),
    async run({ service: { store }, input, key }) {
      if (input.TagKeys.length > 0) await store.deleteTags(key.record.keyId, input.TagKeys);
      return undefined;
    },
  }),

  ListResourceTags: keyOperation({
    input: { KeyId: required(keyId), Limit: integer({ min: 1, max: 50 }), Marker: marker },
    output: { Tags: required(list(tag)), NextMarker: string(), Truncated: required(boolean) },
    key: { member: 'KeyId', state: 'reading', names: 'key' },
    async run({ service: { store }, input, key }) {
      const { items, ...rest } = await page(
        input,
        50,
        (wanted) => store.listTags(key.record.keyId, wanted),
        (each) => each.tagKey,
      );
      return { Tags: items.map((each) => ({ TagKey: each.tagKey, TagValue: each.tagValue })), ...rest };
    },
  }),
};
