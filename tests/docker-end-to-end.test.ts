import { endToEnd } from "./end-to-end/cases.ts";
import { container, mutualTlsContainer } from "./end-to-end/containers.ts";

endToEnd("in a container", container);
endToEnd("in a container with TLS and client certificates", mutualTlsContainer);
