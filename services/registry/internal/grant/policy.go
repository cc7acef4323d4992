package grant

import "coso/services/platform/civil"

// policy is what is allowed of substitutes since a day. No document of the Party sets these numbers: they are this system's, so that
// nobody's substitutes slow down what others do, or cannot be overlooked any more.
type policy struct {
	// from is the first day.
	from string
	// days is how long a substitution lasts at most: a year, leap days included.
	days int
	// substitutes is by how many, at most, a grant is held as substitutes.
	substitutes int
	// substitutions is how many grants, at most, somebody holds as a substitute. They are named without being asked.
	substitutions int
}

// policies are all there were, the latest first.
func policies() []policy {
	return []policy{{from: "1900-01-01", days: 366, substitutes: 5, substitutions: 20}}
}

// policyOn is the one of a day.
func policyOn(day civil.Date) policy {
	all := policies()
	for _, p := range all {
		if p.from <= day.String() {
			return p
		}
	}
	return all[len(all)-1]
}
