/** The baseline's route, where the reference's page asks for it; `orbit edge` answers this path before it comes here. */
export { GET } from "../../../../../../baseline/next/app/api/images/[id]/route";
