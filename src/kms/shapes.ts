/**
 * The shape of what operations take and give, as data: the validator, the wire conversion and the TypeScript types of the
 * methods are all read from it. A member is optional unless `required`.
 */

export interface StringShape {
  readonly type: 'string';
  readonly min?: number;
  readonly max?: number;
  /** A regular expression, anchored, as AWS prints it. */
  readonly pattern?: string;
}

export interface EnumShape<Value extends string = string> {
  readonly type: 'enum';
  /** In the order AWS prints them. */
  readonly values: readonly Value[];
}

export interface IntegerShape {
  readonly type: 'integer';
  readonly min?: number;
  readonly max?: number;
}

export interface BooleanShape {
  readonly type: 'boolean';
}

/** Bytes: Uint8Array here, Base64 on the wire. Lengths in bytes. Values are never shown in messages. */
export interface BlobShape {
  readonly type: 'blob';
  readonly min?: number;
  readonly max?: number;
}

/** Date here, seconds since the epoch on the wire. */
export interface TimeShape {
  readonly type: 'time';
}

export interface ListShape<Item extends Shape = Shape> {
  readonly type: 'list';
  readonly item: Item;
  readonly min?: number;
  readonly max?: number;
}

/** String keys to string values. */
export interface MapShape {
  readonly type: 'map';
}

export interface StructureShape<M extends Members = Members> {
  readonly type: 'structure';
  readonly members: M;
}

export type Shape =
  | StringShape
  | EnumShape
  | IntegerShape
  | BooleanShape
  | BlobShape
  | TimeShape
  // biome-ignore lint/suspicious/noExplicitAny: a shape holds shapes, which an interface cannot say of its own default
  | ListShape<any>
  | MapShape
  // biome-ignore lint/suspicious/noExplicitAny: as above
  | StructureShape<any>;

/** A shape as a member of a structure. */
export type Member = Shape & {
  readonly required?: true;
  /** AWS has this member, this release does not: giving it is refused rather than silently ignored. */
  readonly unsupported?: true;
  /** Key bytes or plaintext in an output: whoever gets them wipes them, and the wire never makes a string of them. */
  readonly secret?: true;
};
export interface Members {
  readonly [name: string]: Member;
}

type Bounds = { readonly min?: number; readonly max?: number };

export const string = (bounds: Bounds & { readonly pattern?: string } = {}): StringShape => ({
  type: 'string',
  ...bounds,
});
export const enumeration = <const Value extends string>(values: readonly Value[]): EnumShape<Value> => ({
  type: 'enum',
  values,
});
export const integer = (bounds: Bounds = {}): IntegerShape => ({ type: 'integer', ...bounds });
export const boolean: BooleanShape = { type: 'boolean' };
export const blob = (bounds: Bounds = {}): BlobShape => ({ type: 'blob', ...bounds });
export const time: TimeShape = { type: 'time' };
export const list = <Item extends Shape>(item: Item, bounds: Bounds = {}): ListShape<Item> => ({
  type: 'list',
  item,
  ...bounds,
});
export const stringMap: MapShape = { type: 'map' };
export const structure = <M extends Members>(members: M): StructureShape<M> => ({ type: 'structure', members });

export const required = <S extends Shape>(shape: S): S & { readonly required: true } => ({ ...shape, required: true });
export const unsupported = <S extends Shape>(shape: S): S & { readonly unsupported: true } => ({
  ...shape,
  unsupported: true,
});

/** Only for members of an output itself, not for what is within them. */
export const secret = (shape: BlobShape): BlobShape & { readonly secret: true } => ({ ...shape, secret: true });

/** The JavaScript value of a shape. */
export type ValueOf<S> =
  S extends EnumShape<infer Value>
    ? Value
    : S extends { type: 'string' }
      ? string
      : S extends { type: 'integer' }
        ? number
        : S extends { type: 'boolean' }
          ? boolean
          : S extends { type: 'blob' }
            ? Uint8Array
            : S extends { type: 'time' }
              ? Date
              : S extends ListShape<infer Item>
                ? readonly ValueOf<Item>[]
                : S extends { type: 'map' }
                  ? Readonly<Record<string, string>>
                  : S extends StructureShape<infer M>
                    ? StructureOf<M>
                    : never;

type RequiredNames<M> = { [Name in keyof M]: M[Name] extends { required: true } ? Name : never }[keyof M];
type Flat<T> = { [Name in keyof T]: T[Name] };

/** The JavaScript object of a structure's members. */
export type StructureOf<M> = Flat<
  { readonly [Name in RequiredNames<M>]: ValueOf<M[Name]> } & {
    readonly [Name in Exclude<keyof M, RequiredNames<M>>]?: ValueOf<M[Name]> | undefined;
  }
>;
