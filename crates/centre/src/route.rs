//! One route of the API, declared whole in one place: path, who may, whose data, the audit line, the shapes.
//!
//! The router, the OpenAPI document and the law tests are all made from these declarations; there is no other way to
//! add a route.

use crate::{centre::Centre, refusal::ErrorBody};
use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use phitak_store::Role;
use utoipa::{
    IntoParams, Number, PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
        path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
    },
};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Without a session.
    Anyone,
    /// Accounts of these roles.
    Roles(&'static [Role]),
}

/// Parameters of a query that take any number of 32 bits: a `limit` beyond what a list answers with gives as much as it has.
const U32_PARAMETERS: [&str; 2] = ["limit", "signature"];

/// Everybody with a session.
pub const SIGNED_IN: Who = Who::Roles(Role::ALL);
/// The sector's own team.
pub const SECTOR: Who = Who::Roles(&[Role::Administrator, Role::Analyst]);
/// Those who answer for a hospital: its own people, or the sector's team when it called.
pub const RESPONDERS: Who = Who::Roles(&[Role::Administrator, Role::Analyst, Role::Hospital]);
/// Those who run the centre.
pub const ADMINISTRATORS: Who = Who::Roles(&[Role::Administrator]);

/// Whose data a route can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// None.
    Nothing,
    /// The caller's own session.
    OwnSession,
    /// What belongs to the caller's account; an administrator's, to every account. Only for sessions, as the caller's own
    /// session is: a token does not manage what it came from.
    OwnAccount,
    /// The facilities in the caller's scope, through the store's `Scope`.
    Tenant,
    /// All of the sector: only for roles of the sector's own team.
    Sector,
}

/// A declared route.
pub struct Route {
    pub method: Method,
    /// With `{name}` for parts that vary.
    pub path: &'static str,
    pub who: Who,
    pub reach: Reach,
    /// The action in the audit line that a success leaves; every write has one.
    pub audit: Option<&'static str>,
    /// The action in the audit line that looking at another's data leaves; every read that can show one facility's, one
    /// story's or one alert's data has one.
    pub view: Option<&'static str>,
    /// Whether an API token may call it. None may where accounts, sessions, second factors and tokens are managed: what a
    /// token could make there would outlive it.
    pub by_token: bool,
    /// Whether its body is a file: as large as the vault takes, and not JSON.
    pub takes_file: bool,
    pub(crate) http_method: HttpMethod,
    pub(crate) operation: Operation,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    pub(crate) service: MethodRouter<Centre>,
}

impl Route {
    /// A route that reads.
    pub(crate) fn get(path: &'static str) -> Draft {
        Draft::new(Method::GET, HttpMethod::Get, MethodFilter::GET, path)
    }

    /// A route that writes.
    pub(crate) fn post(path: &'static str) -> Draft {
        Draft::new(Method::POST, HttpMethod::Post, MethodFilter::POST, path)
    }

    /// A route that removes.
    pub(crate) fn delete(path: &'static str) -> Draft {
        Draft::new(Method::DELETE, HttpMethod::Delete, MethodFilter::DELETE, path)
    }

    #[must_use]
    pub fn writes(&self) -> bool {
        self.method != Method::GET
    }

    /// Whether its query takes this parameter.
    #[must_use]
    pub fn asks_for(&self, parameter: &str) -> bool {
        self.operation.parameters.iter().flatten().any(|known| match known {
            RefOr::T(known) => known.parameter_in == ParameterIn::Query && known.name == parameter,
            RefOr::Ref(_) => false,
        })
    }
}

/// A route that is being declared.
pub(crate) struct Draft {
    method: Method,
    http_method: HttpMethod,
    filter: MethodFilter,
    path: &'static str,
    who: Who,
    reach: Reach,
    audit: Option<&'static str>,
    view: Option<&'static str>,
    for_sessions: bool,
    takes_file: bool,
    operation: OperationBuilder,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Draft {
    fn new(method: Method, http_method: HttpMethod, filter: MethodFilter, path: &'static str) -> Self {
        let mut operation = OperationBuilder::new().operation_id(Some(operation_id(&method, path)));
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let kind = if name == "id" { Type::Integer } else { Type::String };
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(ObjectBuilder::new().schema_type(kind).build()));
            operation = operation.parameter(parameter.build());
        }
        let draft = Self {
            method,
            http_method,
            filter,
            path,
            who: Who::Roles(&[]),
            reach: Reach::Nothing,
            audit: None,
            view: None,
            for_sessions: false,
            takes_file: false,
            operation,
            schemas: Vec::new(),
        };
        draft.response::<ErrorBody>("default", "Refused: what happened, detail, hint")
    }

    /// Permission and reach: nobody may until this is called.
    pub(crate) fn allow(mut self, who: Who, reach: Reach) -> Self {
        self.who = who;
        self.reach = reach;
        self
    }

    pub(crate) fn audited(mut self, action: &'static str) -> Self {
        self.audit = Some(action);
        self
    }

    /// Not for API tokens.
    pub(crate) fn only_in_a_session(mut self) -> Self {
        self.for_sessions = true;
        self
    }

    /// The handler calls [`crate::guard::Caller::views`] with what it shows.
    pub(crate) fn viewed(mut self, action: &'static str) -> Self {
        self.view = Some(action);
        self
    }

    pub(crate) fn summary(mut self, summary: &'static str) -> Self {
        self.operation = self.operation.summary(Some(summary));
        self
    }

    pub(crate) fn query<Q: IntoParams>(mut self) -> Self {
        for mut parameter in Q::into_params(|| Some(ParameterIn::Query)) {
            if U32_PARAMETERS.contains(&parameter.name.as_str()) {
                parameter.schema = parameter.schema.map(reaching_to_u32);
            }
            self.operation = self.operation.parameter(parameter);
        }
        self
    }

    pub(crate) fn takes<B: ToSchema>(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(self.reference::<B>())).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        self.operation = self.operation.request_body(Some(body.build()));
        self
    }

    /// The body is a file, in any bytes.
    pub(crate) fn takes_a_file(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(bytes_schema())).build();
        let body =
            RequestBodyBuilder::new().content("application/octet-stream", content).required(Some(Required::True));
        self.operation = self.operation.request_body(Some(body.build()));
        self.takes_file = true;
        self
    }

    pub(crate) fn answers_a_file(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(bytes_schema())).build();
        let response = ResponseBuilder::new().description("The file").content("application/octet-stream", content);
        self.operation = self.operation.response("200", response.build());
        self
    }

    pub(crate) fn answers<B: ToSchema>(self) -> Self {
        self.response::<B>("200", "Success")
    }

    pub(crate) fn answers_nothing(mut self) -> Self {
        self.operation = self.operation.response("204", ResponseBuilder::new().description("Done").build());
        self
    }

    pub(crate) fn answers_stream(mut self) -> Self {
        let content =
            ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String).build())).build();
        let response = ResponseBuilder::new().description("Live updates").content("text/event-stream", content);
        self.operation = self.operation.response("200", response.build());
        self
    }

    /// Names a schema that no answer refers to, such as the data of a live event.
    pub(crate) fn names<B: ToSchema>(mut self) -> Self {
        let _ = self.reference::<B>();
        self
    }

    pub(crate) fn to<H, T>(self, handler: H) -> Route
    where
        H: Handler<T, Centre>,
        T: 'static,
    {
        Route {
            method: self.method,
            path: self.path,
            who: self.who,
            reach: self.reach,
            audit: self.audit,
            view: self.view,
            takes_file: self.takes_file,
            by_token: !self.for_sessions && !matches!(self.reach, Reach::OwnSession | Reach::OwnAccount),
            http_method: self.http_method,
            operation: self.operation.build(),
            schemas: self.schemas,
            service: on(self.filter, handler),
        }
    }

    fn response<B: ToSchema>(mut self, status: &str, description: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(self.reference::<B>())).build();
        let response = ResponseBuilder::new().description(description).content("application/json", content);
        self.operation = self.operation.response(status, response.build());
        self
    }

    fn reference<B: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = B::name().into_owned();
        self.schemas.push((name.clone(), <B as PartialSchema>::schema()));
        B::schemas(&mut self.schemas);
        RefOr::Ref(Ref::from_schema_name(name))
    }
}

/// Unsigned numbers are described as `int32` with a least value, which ends at half of what is taken.
fn reaching_to_u32(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.format = None;
            object.maximum = Some(Number::Int(u32::MAX as isize));
            RefOr::T(Schema::Object(object))
        }
        other => other,
    }
}

fn bytes_schema() -> Schema {
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).build().into()
}

/// `get_facilities_code_care` from `GET /api/v1/facilities/{code}/care`.
fn operation_id(method: &Method, path: &str) -> String {
    let mut id = method.as_str().to_ascii_lowercase();
    for part in path.trim_start_matches("/api/v1").split(['/', '{', '}', '-', '.']).filter(|part| !part.is_empty()) {
        id.push('_');
        id.push_str(part);
    }
    id
}
