import type {
  IAuthenticateGeneric,
  ICredentialTestRequest,
  ICredentialType,
  Icon,
  INodeProperties,
} from "n8n-workflow";

export class OnceguardApi implements ICredentialType {
  name = "onceguardApi";

  displayName = "Onceguard API";

  icon: Icon = { light: "file:../icons/onceguard.svg", dark: "file:../icons/onceguard.dark.svg" };

  documentationUrl = "https://github.com/onceguard/onceguard/tree/main/integrations/n8n-nodes-onceguard#credentials";

  properties: INodeProperties[] = [
    {
      displayName: "Base URL",
      name: "baseUrl",
      type: "string",
      required: true,
      default: "http://127.0.0.1:8788",
      description: "Where 'onceguard serve' can be reached from n8n",
    },
    {
      displayName: "API Key",
      name: "apiKey",
      type: "string",
      typeOptions: { password: true },
      default: "",
      description:
        "A key made by 'onceguard keys add'. Give workflows a caller's key; only Resolve needs a reviewer's. Leave it empty for a service without keys on this machine.",
    },
  ];

  authenticate: IAuthenticateGeneric = {
    type: "generic",
    properties: { headers: { Authorization: "=Bearer {{$credentials.apiKey}}" } },
  };

  // Every role may ask for it, and it says nothing without a good key.
  test: ICredentialTestRequest = {
    request: { baseURL: "={{$credentials.baseUrl}}", url: "/v1/actions", method: "GET" },
  };
}
