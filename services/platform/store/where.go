package store

// UnitOf says to which unit the record of a name in a table belongs now, for readers that do not know the tables' types; "": to
// the whole installation. ok is false where the schema has no such table, the table does not say (In), or the record is not
// there.
func UnitOf(r Reader, table, name string) (unit string, ok bool, err error) {
	t := r.bounds().schema.named[table]
	if t == nil {
		return "", false, nil
	}
	return t.unitOf(r, name)
}

func (b *base[T]) unitOf(r Reader, name string) (unit string, ok bool, err error) {
	if b.unit == nil {
		return "", false, nil
	}
	rec, ok, err := b.Find(r, name)
	if err != nil || !ok {
		return "", false, err
	}
	return b.unit(rec), true, nil
}
