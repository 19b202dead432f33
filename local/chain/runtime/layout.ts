/** The shape of metadata itself (frame-metadata 14 and 15, scale-info), in the grammar of scale/text.ts: the chain encodes it like any value. */
export const LAYOUT = `
  Param = x {name str, type Option<Compact<u32>>}
  TypeField = x {name Option<str>, type Compact<u32>, type_name Option<str>, docs Vec<str>}
  TypeVariant = x {name str, fields Vec<TypeField>, index u8, docs Vec<str>}
  TypePrimitive = x bool 0 | char 1 | str 2 | u8 3 | u16 4 | u32 5 | u64 6 | u128 7 | u256 8 | i8 9 | i16 10 | i32 11 | i64 12 | i128 13 | i256 14
  TypeDef = x Composite 0: Vec<TypeField> | Variant 1: Vec<TypeVariant> | Sequence 2: Compact<u32> | Array 3: u32, Compact<u32> | Tuple 4: Vec<Compact<u32>> | Primitive 5: TypePrimitive | Compact 6: Compact<u32>
  PortableType = x {id Compact<u32>, path Vec<str>, params Vec<Param>, def TypeDef, docs Vec<str>}
  Hasher = x Blake2_128 0 | Blake2_256 1 | Blake2_128Concat 2 | Twox128 3 | Twox256 4 | Twox64Concat 5 | Identity 6
  EntryType = x Plain 0: Compact<u32> | Map 1: hashers Vec<Hasher>, key Compact<u32>, value Compact<u32>
  EntryModifier = x Optional 0 | Default 1
  Entry = x {name str, modifier EntryModifier, type EntryType, fallback Vec<u8>, docs Vec<str>}
  PalletStorage = x {prefix str, entries Vec<Entry>}
  Constant = x {name str, type Compact<u32>, value Vec<u8>, docs Vec<str>}
  Pallet14 = x {name str, storage Option<PalletStorage>, calls/events Option<Compact<u32>>, constants Vec<Constant>, errors Option<Compact<u32>>, index u8}
  Pallet15 = x {name str, storage Option<PalletStorage>, calls/events Option<Compact<u32>>, constants Vec<Constant>, errors Option<Compact<u32>>, index u8, docs Vec<str>}
  Extension = x {identifier str, type/implicit Compact<u32>}
  Extrinsic14 = x {type Compact<u32>, version u8, extensions Vec<Extension>}
  Extrinsic15 = x {version u8, address/call/signature/extra Compact<u32>, extensions Vec<Extension>}
  Metadata14 = x {types Vec<PortableType>, pallets Vec<Pallet14>, extrinsic Extrinsic14, runtime Compact<u32>}
  Input = x {name str, type Compact<u32>}
  Method = x {name str, inputs Vec<Input>, output Compact<u32>, docs Vec<str>}
  Api = x {name str, methods Vec<Method>, docs Vec<str>}
  OuterEnums = x {call/event/error Compact<u32>}
  Metadata15 = x {types Vec<PortableType>, pallets Vec<Pallet15>, extrinsic Extrinsic15, runtime Compact<u32>, apis Vec<Api>, outer_enums OuterEnums, custom Vec<(str,Compact<u32>,Vec<u8>)>}
`
