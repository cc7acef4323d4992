package access

import accesspb "coso/proto/gen/coso/access/v1"

// The permissions that grants give, as methods declare and ask for them; what each is for stands in the contract.
const (
	UnitsRead            = accesspb.Permission_PERMISSION_UNITS_READ
	UnitsManage          = accesspb.Permission_PERMISSION_UNITS_MANAGE
	EnterprisesRead      = accesspb.Permission_PERMISSION_ENTERPRISES_READ
	EnterprisesRecord    = accesspb.Permission_PERMISSION_ENTERPRISES_RECORD
	OrganisationsRead    = accesspb.Permission_PERMISSION_ORGANISATIONS_READ
	OrganisationsRecord  = accesspb.Permission_PERMISSION_ORGANISATIONS_RECORD
	OrganisationsCorrect = accesspb.Permission_PERMISSION_ORGANISATIONS_CORRECT
	IntakesRead          = accesspb.Permission_PERMISSION_INTAKES_READ
	IntakesRecord        = accesspb.Permission_PERMISSION_INTAKES_RECORD
	IntakesCorrect       = accesspb.Permission_PERMISSION_INTAKES_CORRECT
	PlansRead            = accesspb.Permission_PERMISSION_PLANS_READ
	PlansManage          = accesspb.Permission_PERMISSION_PLANS_MANAGE
	TargetsRegister      = accesspb.Permission_PERMISSION_TARGETS_REGISTER
	TargetsPropose       = accesspb.Permission_PERMISSION_TARGETS_PROPOSE
	TargetsApprove       = accesspb.Permission_PERMISSION_TARGETS_APPROVE
	NominationsRead      = accesspb.Permission_PERMISSION_NOMINATIONS_READ
	GrantsRead           = accesspb.Permission_PERMISSION_GRANTS_READ
	GrantsManage         = accesspb.Permission_PERMISSION_GRANTS_MANAGE
	AccountsRead         = accesspb.Permission_PERMISSION_ACCOUNTS_READ
	AccountsManage       = accesspb.Permission_PERMISSION_ACCOUNTS_MANAGE
	ReadingsRead         = accesspb.Permission_PERMISSION_READINGS_READ
)
