// Options of typedoc, for `npm run docs`: the API reference of the four doors, into dist/api. Something exported without a docstring, a
// type that is used and not exported, and a link that leads nowhere are errors. Needs dist.
import path from 'node:path';
import { OPERATIONS } from '../dist/src/kms/index.js';

const root = path.resolve(import.meta.dirname, '..');
const DOORS = ['src/index.ts', 'src/engine/index.ts', 'src/server/aws.ts', 'src/server/index.ts'];

/** Steps on the way to a type, which editors and the reference show written out. */
const STEPS = [
  ...['src/engine/packed.ts:PackedKeys', 'src/engine/packed.ts:PackedSignatures'],
  ...['src/kms/errors.ts:KMS_ERRORS', 'src/kms/operation.ts:OutputOf', 'src/kms/operation.ts:Row'],
  ...['src/kms/operations/index.ts:Arguments', 'src/kms/operations/index.ts:Rows'],
  ...['src/kms/shapes.ts:Flat', 'src/kms/shapes.ts:StructureOf'],
  ...['src/server/aws.ts:SdkRequest', 'src/server/aws.ts:SdkResponse'],
];
/** What they do is AWS's to say; their members are in the reference. */
const AWS_METHODS = Object.keys(OPERATIONS).map((name) => `Keymill.${name.charAt(0).toLowerCase()}${name.slice(1)}`);

export default {
  name: 'keymill',
  tsconfig: path.join(root, 'tsconfig.json'),
  entryPoints: DOORS.map((door) => path.join(root, door)),
  out: path.join(root, 'dist/api'),
  readme: 'none',
  disableSources: true,
  excludePrivate: true,
  excludeInternal: true,
  // The compiler has checked them.
  skipErrorChecking: true,
  treatWarningsAsErrors: true,
  requiredToBeDocumented: ['Variable', 'Function', 'Class', 'Interface', 'Method', 'Accessor', 'TypeAlias'],
  intentionallyNotExported: STEPS,
  intentionallyNotDocumented: AWS_METHODS,
};
