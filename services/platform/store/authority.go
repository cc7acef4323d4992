package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// Authority knows what principals may do, from what a store holds.
type Authority interface {
	// PowerOf reads what a principal may do at a moment, as r sees it.
	PowerOf(r Reader, p access.Principal, now time.Time) (Power, error)
}

// Power is what one principal may do at one moment. It is read through the transaction it was made for.
type Power interface {
	// Anywhere reports whether the principal has a permission in any unit.
	Anywhere(what accesspb.Permission) bool
	// At says on whose grants a permission rests in a unit; "": everywhere.
	At(what accesspb.Permission, unit string) (Basis, error)
	// Units are those in which the principal has a permission.
	Units(what accesspb.Permission) (Scope, error)
}

// Basis says on whose grants somebody's permission rests. The zero Basis: on nobody's, it is not held.
type Basis struct {
	// Own: on the principal's own.
	Own bool
	// Steads are those in whose stead the principal holds it as their substitute, sorted; whoever holds it himself needs none.
	Steads []string
}

// Held reports whether the permission is held at all.
func (b Basis) Held() bool { return b.Own || len(b.Steads) > 0 }

// Scope is a set of units.
type Scope struct {
	// Everywhere: every unit there is, and what belongs to none.
	Everywhere bool
	// names, sorted; shared, never changed.
	names []string
}

// ScopeOf is the set of the units of these names, which must be sorted and must not change any more.
func ScopeOf(sorted []string) Scope { return Scope{names: sorted} }

// Empty reports whether no unit is in the scope.
func (s Scope) Empty() bool { return !s.Everywhere && len(s.names) == 0 }

// Has reports whether a unit is in the scope.
func (s Scope) Has(unit string) bool {
	if s.Everywhere {
		return true
	}
	_, ok := slices.BinarySearch(s.names, unit)
	return ok
}

// asking is what a transaction has asked for, and what it must ask for before it may take effect or answer.
type asking struct {
	authority Authority
	principal access.Principal
	// declared is what the called method declares.
	declared accesspb.Permission
	at       time.Time
	power    Power
	// met: the declared permission was asked for, and held.
	met bool
	// steads are those in whose stead the principal can be acting: each one's grants give all that was asked for and is not the
	// principal's own, since an act in the stead of one cannot rest on another's grants too. Sorted; none: it acts for itself.
	steads []string
	// asked are the units for which a permission was held, sorted; askedFor is which: the declared one, or, by a method that
	// declares none, the first; mixed: it was not the only one.
	asked    []string
	askedFor accesspb.Permission
	mixed    bool
}

var (
	errUndeclared  = errors.New("INV-ACCESS-DECLARED: a principal acts by a method that declares no permission")
	errNotAsked    = errors.New("INV-ACCESS-ASKED: a method ended without asking for the permission that it declares")
	errNoAuthority = errors.New("what somebody may do is asked of a store that knows nobody")
	errNotIts      = errors.New("INV-ACCESS-ASKED: a method asked for another permission than it declares")
)

func (a *asking) asks() *asking { return a }

// enforced reports whether the transaction must ask: only what a service does on its own account, outside of any method,
// needs no permission, and reads for nobody.
func (a *asking) enforced() bool { return a.authority != nil && access.Granted(a.declared) }

// begin reads what the principal may do, and refuses one who does not hold the declared permission anywhere: nothing is
// read for him, not even whether a resource exists.
func (a *asking) begin(r Reader) error {
	switch {
	case a.authority == nil:
		return nil
	case a.declared == accesspb.Permission_PERMISSION_UNSPECIFIED && !a.principal.IsService() && !a.principal.IsZero():
		return fault.Internal(errUndeclared)
	case !a.enforced():
		return nil
	}
	if err := a.read(r); err != nil {
		return err
	}
	if !a.power.Anywhere(a.declared) {
		return nowhereHeld(a.declared)
	}
	return nil
}

func (a *asking) read(r Reader) (err error) {
	if a.authority == nil {
		return fault.Internal(errNoAuthority)
	}
	if a.power == nil {
		a.power, err = a.authority.PowerOf(r, a.principal, a.at)
	}
	return err
}

// end refuses a transaction that has not asked for what its method declares.
func (a *asking) end() error {
	if a.enforced() && !a.met {
		return fault.Internal(errNotAsked)
	}
	return nil
}

// require asks for a permission in units. A refusal is one of the whole transaction, whatever its closure makes of it.
func (a *asking) require(r Reader, what accesspb.Permission, units []string) error {
	err := a.hold(r, what, units)
	if err != nil {
		r.bounds().fail(err)
	}
	return err
}

func (a *asking) hold(r Reader, what accesspb.Permission, units []string) error {
	if err := a.may(r, what); err != nil || a.authority == nil {
		return err
	}
	for _, unit := range units {
		basis, err := a.power.At(what, unit)
		if err != nil {
			return err
		}
		if !a.rest(basis) {
			return denied(what, unit)
		}
		if len(a.asked) == 0 {
			a.askedFor = what
		}
		a.mixed = a.mixed || a.askedFor != what
		if at, known := slices.BinarySearch(a.asked, unit); !known {
			a.asked = slices.Insert(a.asked, at, unit)
		}
	}
	a.met = a.met || what == a.declared && len(units) > 0
	return nil
}

// rest lets the act rest on one more permission, and reports whether there is somebody in whose stead it can.
func (a *asking) rest(on Basis) bool {
	if on.Own {
		return true
	}
	left := on.Steads
	if len(a.steads) > 0 {
		left = slices.DeleteFunc(slices.Clone(left), func(whose string) bool { return !slices.Contains(a.steads, whose) })
	}
	if len(left) == 0 {
		return false
	}
	a.steads = left
	return true
}

// stead is in whose stead the principal acts; "": for itself. From now on it is nobody else's.
func (a *asking) stead() string {
	if len(a.steads) == 0 {
		return ""
	}
	a.steads = a.steads[:1]
	return a.steads[0]
}

// everywhere reports whether a permission is held in all units. It asks for nothing.
func (a *asking) everywhere(r Reader, what accesspb.Permission) (bool, error) {
	if err := a.may(r, what); err != nil || a.authority == nil {
		return true, err
	}
	basis, err := a.power.At(what, "")
	return basis.Held(), err
}

// within asks for the units in which a permission is held, or for one of them; none is a refusal.
func (a *asking) within(r Reader, what accesspb.Permission, unit string) (Scope, error) {
	if unit != "" {
		return ScopeOf([]string{unit}), a.require(r, what, []string{unit})
	}
	scope, err := a.among(r, what)
	if err != nil {
		r.bounds().fail(err)
	}
	return scope, err
}

func (a *asking) among(r Reader, what accesspb.Permission) (Scope, error) {
	if err := a.may(r, what); err != nil || a.authority == nil {
		return Scope{Everywhere: true}, err
	}
	if !a.power.Anywhere(what) {
		return Scope{}, nowhereHeld(what)
	}
	a.met = a.met || what == a.declared
	return a.power.Units(what)
}

// may reads the principal's power, for a permission that the transaction may ask for.
func (a *asking) may(r Reader, what accesspb.Permission) error {
	if a.authority == nil {
		return nil
	}
	if a.enforced() && what != a.declared {
		return fault.Internal(fmt.Errorf("%w: %v, not %v", errNotIts, what, a.declared))
	}
	return a.read(r)
}

func denied(what accesspb.Permission, unit string) error {
	if unit == "" {
		return fault.PermissionDenied(faultpb.Reason_REASON_PERMISSION_DENIED_EVERYWHERE, "", "value", access.Word(what))
	}
	return fault.PermissionDenied(faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, "", "value", access.Word(what), "name", unit)
}

func nowhereHeld(what accesspb.Permission) error {
	return fault.PermissionDenied(faultpb.Reason_REASON_PERMISSION_DENIED, "", "value", access.Word(what))
}

// Require asks whether the caller holds a permission in every one of some units, as the command sees them; "" is the whole
// installation, and no unit at all asks for nothing. It is the permission that the called method declares; a command that
// ends without having asked for it is Internal and has no effect. PermissionDenied names the unit. In the journal the command shows in whose stead it was
// done, where it needed a substitute's grant.
func (tx *Tx) Require(what accesspb.Permission, units ...string) error {
	return tx.require(tx, what, units)
}

// Within asks for a permission in one unit, as Require does, or, for "", in which units the caller holds it; PermissionDenied
// for none. It answers those units.
func (tx *Tx) Within(what accesspb.Permission, unit string) (Scope, error) {
	return tx.within(tx, what, unit)
}

// Power is what the caller may do, beyond what its method declares.
func (tx *Tx) Power() (Power, error) {
	err := tx.read(tx)
	return tx.power, err
}

// Require asks as Tx.Require does; a View that has not asked for what its method declares, or was refused, answers nothing.
func (r *ReadTx) Require(what accesspb.Permission, units ...string) error {
	return r.require(r, what, units)
}

// Power is what the caller may do, beyond what its method declares.
func (r *ReadTx) Power() (Power, error) {
	err := r.read(r)
	return r.power, err
}

// Principal is who reads.
func (r *ReadTx) Principal() access.Principal { return r.principal }

// At is the moment of the reading: by the clock, and no earlier than the last entry that is read.
func (r *ReadTx) At() time.Time { return r.at }

// Within asks as Tx.Within does.
func (r *ReadTx) Within(what accesspb.Permission, unit string) (Scope, error) {
	return r.within(r, what, unit)
}

// permits asks again for what a command held that is answered anew.
func (a *asking) permits(r Reader, asked *journalpb.Asked) error {
	if a.authority == nil || asked == nil {
		return nil
	}
	return a.require(r, accesspb.Permission(asked.GetPermission()), asked.GetUnits())
}

// permitsAt asks for what a command held also in the unit to which a record that it answers belongs now.
func (tx *Tx) permitsAt(asked *journalpb.Asked, ref *journalpb.Reference) error {
	name, ok := Key(ref.GetKey()).Split().Text()
	if asked == nil || !ok {
		return nil
	}
	unit, ok, err := UnitOf(tx, ref.GetTable(), name)
	if err != nil || !ok {
		return err
	}
	return tx.permits(tx, &journalpb.Asked{Permission: asked.GetPermission(), Units: []string{unit}})
}

// noted is what the command asked for, as the journal keeps it; nil: nothing, or, by a method that declares none of it, several
// permissions.
func (a *asking) noted() *journalpb.Asked {
	if a.authority == nil || len(a.asked) == 0 || a.mixed {
		return nil
	}
	return &journalpb.Asked{Permission: int32(a.askedFor), Units: a.asked}
}

// notedIn adds what the command asked for to what others did, a permission once.
func (a *asking) notedIn(all []*journalpb.Asked) []*journalpb.Asked {
	mine := a.noted()
	if mine == nil {
		return all
	}
	for _, asked := range all {
		if asked.GetPermission() == mine.GetPermission() {
			asked.Units = slices.Compact(slices.Sorted(slices.Values(slices.Concat(asked.GetUnits(), mine.GetUnits()))))
			return all
		}
	}
	return append(all, mine)
}
