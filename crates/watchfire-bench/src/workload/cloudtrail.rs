//! Generated AWS CloudTrail records: a day of three accounts, most of it what services and pipelines do by themselves.
//!
//! Records have the shape that AWS writes them in, one a line: who (a user, a role that was assumed, a service), from
//! where, and what, with the parameters of the request and elements of the response, nested as deep as there. Reading
//! calls are the most; people, roles, addresses and buckets repeat, identifiers do not.

use serde_json::{Value, json};
use watchfire_events::Timestamp;

use super::dice::Dice;

/// 2026-03-02T08:00:00Z, in milliseconds.
const START_MS: i64 = 1_772_438_400_000;
const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "777788889999"];
const REGIONS: [&str; 4] = ["eu-central-1", "us-east-1", "eu-west-1", "ap-southeast-2"];
const USERS: [&str; 6] =
    ["ines.roth", "tom.okafor", "backup-operator", "mei.tan", "ci-publisher", "nils.berg"];
const ROLES: [&str; 8] = [
    "orders-service",
    "eks-node",
    "deploy-pipeline",
    "log-archiver",
    "data-science",
    "read-only",
    "lambda-thumbnails",
    "cost-report",
];
const SERVICES: [&str; 4] =
    ["ec2.amazonaws.com", "config.amazonaws.com", "autoscaling.amazonaws.com", "lambda.amazonaws.com"];
const BUCKETS: [&str; 5] =
    ["meadow-orders", "meadow-logs", "meadow-artifacts", "meadow-exports", "meadow-web"];
const AGENTS: [&str; 6] = [
    "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64",
    "Boto3/1.34.144 md/Botocore#1.34.144 ua/2.0 os/linux#5.10.219 md/arch#x86_64 lang/python#3.11.9",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.2 terraform-provider-aws/5.58.0 (+https://registry.terraform.io/providers/hashicorp/aws)",
    "aws-sdk-java/2.26.20 Linux/5.10.219-208.866.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.11+9-LTS Java/17.0.11",
    "aws-cli/2.17.13 md/awscrt#0.20.11 ua/2.0 os/macos#23.5.0 md/arch#arm64 lang/python#3.11.8",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
];
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a request asks for, and so what its parameters look like.
#[derive(Clone, Copy)]
enum Shape {
    Nothing,
    Bucket,
    Object,
    Instances,
    NetworkInterface,
    SecurityGroup,
    AssumeRole,
    Decrypt,
    Names(&'static str),
    Function,
    LogStream,
    ImageLayer,
}

/// A call of an API: the service's host, its name, whether it only reads, whether it is a data event, and its shape.
struct Call(&'static str, &'static str, bool, bool, Shape);

/// Those that come often come first.
const CALLS: [Call; 40] = [
    Call("s3", "GetObject", true, true, Shape::Object),
    Call("sts", "AssumeRole", true, false, Shape::AssumeRole),
    Call("kms", "Decrypt", true, false, Shape::Decrypt),
    Call("s3", "PutObject", false, true, Shape::Object),
    Call("ec2", "DescribeInstances", true, false, Shape::Instances),
    Call("s3", "ListObjects", true, true, Shape::Bucket),
    Call("logs", "CreateLogStream", false, false, Shape::LogStream),
    Call("ec2", "DescribeNetworkInterfaces", true, false, Shape::NetworkInterface),
    Call("ecr", "BatchGetImage", true, false, Shape::ImageLayer),
    Call("lambda", "Invoke", false, true, Shape::Function),
    Call("kms", "GenerateDataKey", true, false, Shape::Decrypt),
    Call("elasticloadbalancing", "DescribeTargetHealth", true, false, Shape::Names("targetGroupArn")),
    Call("autoscaling", "DescribeAutoScalingGroups", true, false, Shape::Names("autoScalingGroupNames")),
    Call("dynamodb", "DescribeTable", true, false, Shape::Names("tableName")),
    Call("ec2", "DescribeVolumes", true, false, Shape::Nothing),
    Call("rds", "DescribeDBInstances", true, false, Shape::Names("dBInstanceIdentifier")),
    Call("monitoring", "DescribeAlarms", true, false, Shape::Names("alarmNames")),
    Call("ec2", "DescribeTags", true, false, Shape::Nothing),
    Call("ssm", "UpdateInstanceInformation", false, false, Shape::Names("instanceId")),
    Call("iam", "GetRole", true, false, Shape::Names("roleName")),
    Call("s3", "GetBucketAcl", true, false, Shape::Bucket),
    Call("eks", "DescribeCluster", true, false, Shape::Names("name")),
    Call("sqs", "GetQueueAttributes", true, false, Shape::Names("queueUrl")),
    Call("ecr", "GetAuthorizationToken", true, false, Shape::Nothing),
    Call("secretsmanager", "DescribeSecret", true, false, Shape::Names("secretId")),
    Call("ec2", "DescribeSecurityGroups", true, false, Shape::SecurityGroup),
    Call("config", "PutEvaluations", false, false, Shape::Names("resultToken")),
    Call("s3", "HeadObject", true, true, Shape::Object),
    Call("iam", "ListRoles", true, false, Shape::Nothing),
    Call("cloudformation", "DescribeStacks", true, false, Shape::Names("stackName")),
    Call("sns", "ListTopics", true, false, Shape::Nothing),
    Call("ec2", "RunInstances", false, false, Shape::Instances),
    Call("ec2", "CreateNetworkInterface", false, false, Shape::NetworkInterface),
    Call("route53", "ListResourceRecordSets", true, false, Shape::Names("hostedZoneId")),
    Call("ec2", "CreateTags", false, false, Shape::NetworkInterface),
    Call("ec2", "TerminateInstances", false, false, Shape::Instances),
    Call("ec2", "AuthorizeSecurityGroupIngress", false, false, Shape::SecurityGroup),
    Call("iam", "GetUser", true, false, Shape::Names("userName")),
    Call("signin", "ConsoleLogin", false, false, Shape::Nothing),
    Call("lambda", "UpdateFunctionCode20150331v2", false, false, Shape::Function),
];

/// The records, one after the other, without an end.
pub(super) struct Records {
    dice: Dice,
    milliseconds: i64,
}

impl Records {
    /// The records of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), milliseconds: START_MS }
    }

    /// The next record.
    pub(super) fn next_record(&mut self) -> Value {
        let dice = &mut self.dice;
        self.milliseconds += dice.below(1_500) as i64;
        // CloudTrail tells seconds.
        let seconds = Timestamp::from_millis(self.milliseconds - self.milliseconds.rem_euclid(1000));
        let time = seconds.to_iso_millis().replace(".000Z", "Z");
        let account = *dice.often_first(&ACCOUNTS);
        let region = *dice.often_first(&REGIONS);
        let Call(service, name, reads, is_data, shape) = dice.often_first(&CALLS);
        let host = format!("{service}.amazonaws.com");
        let (request, response, resources) = parameters(*shape, *reads, account, region, dice);
        let (identity, address, agent) = caller(account, dice);
        let failure = dice.once_in(40);
        let mut record = json!({
            "eventVersion": "1.09",
            "userIdentity": identity,
            "eventTime": time,
            "eventSource": host,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": address,
            "userAgent": agent,
        });
        if failure {
            record["errorCode"] = json!("AccessDenied");
            record["errorMessage"] = json!(format!(
                "User: {} is not authorized to perform: {service}:{name} because no identity-based policy allows the action",
                record["userIdentity"]["arn"].as_str().unwrap_or("anonymous")
            ));
        }
        record["requestParameters"] = request;
        record["responseElements"] = if failure { Value::Null } else { response };
        if let Some(resources) = resources {
            record["resources"] = resources;
        }
        if *is_data {
            record["additionalEventData"] = json!({
                "SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
                "AuthenticationMethod": "AuthHeader", "x-amz-id-2": dice.text(64, UPPER),
                "bytesTransferredOut": dice.below(2_000_000),
            });
        }
        record["requestID"] = json!(dice.uuid());
        record["eventID"] = json!(dice.uuid());
        record["readOnly"] = json!(reads);
        let kind = if *service == "signin" { "AwsConsoleSignIn" } else { "AwsApiCall" };
        record["eventType"] = json!(kind);
        record["managementEvent"] = json!(!is_data);
        record["recipientAccountId"] = json!(account);
        record["eventCategory"] = json!(if *is_data { "Data" } else { "Management" });
        record["tlsDetails"] = json!({
            "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": format!("{service}.{region}.amazonaws.com"),
        });
        record
    }
}

/// Who calls, from which address, with which program.
fn caller(account: &str, dice: &mut Dice) -> (Value, String, &'static str) {
    let key = |prefix: &str, dice: &mut Dice| format!("{prefix}{}", dice.text(16, UPPER));
    let address = format!("10.{}.{}.{}", 40 + dice.below(3), dice.below(16), dice.below(250));
    match dice.below(100) {
        0..8 => {
            let service = *dice.often_first(&SERVICES);
            (json!({"type": "AWSService", "invokedBy": service}), service.to_owned(), service)
        }
        8..24 => {
            let user = *dice.often_first(&USERS);
            let identity = json!({
                "type": "IAMUser", "principalId": steady("AIDA", user, account),
                "arn": format!("arn:aws:iam::{account}:user/{user}"), "accountId": account,
                "accessKeyId": steady("AKIA", user, account), "userName": user,
            });
            (identity, format!("198.51.100.{}", 10 + user.len()), *dice.often_first(&AGENTS))
        }
        _ => {
            let role = *dice.often_first(&ROLES);
            let session = format!("i-{}", steady("", role, account).to_lowercase());
            let identity = json!({
                "type": "AssumedRole", "principalId": format!("{}:{session}", steady("AROA", role, account)),
                "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"), "accountId": account,
                "accessKeyId": key("ASIA", dice),
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": steady("AROA", role, account),
                        "arn": format!("arn:aws:iam::{account}:role/{role}"), "accountId": account, "userName": role,
                    },
                    "attributes": {"creationDate": "2026-03-02T07:41:09Z", "mfaAuthenticated": "false"},
                    "ec2RoleDelivery": "2.0",
                },
            });
            (identity, address, *dice.often_first(&AGENTS))
        }
    }
}

/// An identifier that a name has for good.
fn steady(prefix: &str, name: &str, account: &str) -> String {
    format!("{prefix}{}", Dice::of(&format!("{account}{name}")).text(16, UPPER))
}

/// The parameters of a request, the elements of its response, and the resources.
fn parameters(
    shape: Shape,
    reads: bool,
    account: &str,
    region: &str,
    dice: &mut Dice,
) -> (Value, Value, Option<Value>) {
    let answer = |response: Value| if reads { Value::Null } else { response };
    let instance = format!("i-0{}", dice.hex(16));
    match shape {
        Shape::Nothing => (Value::Null, Value::Null, None),
        Shape::Bucket | Shape::Object => {
            let bucket = *dice.often_first(&BUCKETS);
            let mut request =
                json!({"bucketName": bucket, "Host": format!("{bucket}.s3.{region}.amazonaws.com")});
            let owner = json!({"accountId": account, "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}")});
            if matches!(shape, Shape::Bucket) {
                request["list-type"] = json!("2");
                return (request, Value::Null, Some(json!([owner])));
            }
            let key = format!("2026/03/02/part-{:05}.json.gz", dice.below(5_000));
            request["key"] = json!(key);
            let object = json!({"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{key}")});
            let response =
                json!({"x-amz-server-side-encryption": "aws:kms", "x-amz-version-id": dice.text(32, UPPER)});
            (request, answer(response), Some(json!([object, owner])))
        }
        Shape::Instances => {
            let request = json!({
                "instancesSet": {"items": [{"instanceId": instance}]},
                "filterSet": {"items": [{"name": "instance-state-name", "valueSet": {"items": [{"value": "running"}]}}]},
            });
            let state = json!({"code": 16, "name": "running"});
            let response = json!({
                "requestId": dice.uuid(), "ownerId": account,
                "instancesSet": {"items": [{"instanceId": instance, "instanceType": "m6i.large",
                    "currentState": state, "privateIpAddress": format!("10.40.3.{}", dice.below(250)),
                    "placement": {"availabilityZone": format!("{region}a"), "tenancy": "default"}}]},
            });
            (request, answer(response), None)
        }
        Shape::NetworkInterface => {
            let interface = format!("eni-0{}", dice.hex(16));
            let request = json!({
                "networkInterfaceIdSet": {"items": [{"networkInterfaceId": interface}]},
                "resourcesSet": {"items": [{"resourceId": interface}]},
                "tagSet": {"items": [{"key": "cluster", "value": "orders"}, {"key": "owner", "value": "platform"}]},
            });
            (request, answer(json!({"requestId": dice.uuid(), "_return": true})), None)
        }
        Shape::SecurityGroup => {
            let permission = json!({"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "groups": {},
                "ipRanges": {"items": [{"cidrIp": "10.40.0.0/16", "description": "inside"}]}, "ipv6Ranges": {}});
            let request = json!({
                "groupId": steady("sg-0", ROLES[dice.below(8) as usize], account).to_lowercase(),
                "ipPermissions": {"items": [permission]},
            });
            (request, answer(json!({"requestId": dice.uuid(), "_return": true})), None)
        }
        Shape::AssumeRole => {
            let role = *dice.often_first(&ROLES);
            let arn = format!("arn:aws:iam::{account}:role/{role}");
            let request = json!({"roleArn": arn, "roleSessionName": instance, "durationSeconds": 3600});
            let response = json!({
                "credentials": {"accessKeyId": format!("ASIA{}", dice.text(16, UPPER)),
                    "sessionToken": dice.text(240, UPPER), "expiration": "Mar 2, 2026, 9:41:09 AM"},
                "assumedRoleUser": {"assumedRoleId": format!("{}:{instance}", steady("AROA", role, account)),
                    "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{instance}")},
            });
            (request, response, Some(json!([{"accountId": account, "type": "AWS::IAM::Role", "ARN": arn}])))
        }
        Shape::Decrypt => {
            let bucket = *dice.often_first(&BUCKETS);
            let key = steady("", bucket, account).to_lowercase();
            let arn = format!("arn:aws:kms:{region}:{account}:key/{key}");
            let request = json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "keyId": arn,
                "encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::{bucket}")}});
            (request, Value::Null, Some(json!([{"accountId": account, "type": "AWS::KMS::Key", "ARN": arn}])))
        }
        Shape::Names(parameter) => {
            let role = *dice.often_first(&ROLES);
            let request = json!({parameter: steady(&format!("{role}-"), role, account), "maxResults": 100});
            (request, answer(json!({"requestId": dice.uuid()})), None)
        }
        Shape::Function => {
            let function = *dice.often_first(&ROLES);
            let arn = format!("arn:aws:lambda:{region}:{account}:function:{function}");
            let request = json!({"functionName": arn, "invocationType": "RequestResponse",
                "clientContext": dice.text(40, UPPER)});
            let response = json!({"functionName": function, "runtime": "python3.12", "memorySize": 512, "timeout": 30,
                "tracingConfig": {"mode": "PassThrough"}, "layers": [], "packageType": "Zip"});
            let resource = json!([{"accountId": account, "type": "AWS::Lambda::Function", "ARN": arn}]);
            (request, answer(response), Some(resource))
        }
        Shape::LogStream => {
            let group = format!("/aws/lambda/{}", dice.often_first(&ROLES));
            let stream = format!("2026/03/02/[$LATEST]{}", dice.hex(32));
            (json!({"logGroupName": group, "logStreamName": stream}), Value::Null, None)
        }
        Shape::ImageLayer => {
            let repository = *dice.often_first(&ROLES);
            let digest = format!("sha256:{}", Dice::new(dice.below(40)).hex(64));
            let request = json!({"registryId": account, "repositoryName": repository,
                "imageIds": [{"imageDigest": digest}],
                "acceptedMediaTypes": ["application/vnd.oci.image.index.v1+json",
                    "application/vnd.docker.distribution.manifest.v2+json"]});
            let arn = format!("arn:aws:ecr:{region}:{account}:repository/{repository}");
            (request, Value::Null, Some(json!([{"accountId": account, "ARN": arn}])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    #[test]
    fn records_are_those_of_the_seed_and_of_their_size() {
        let texts = |seed| {
            let mut records = Records::new(seed);
            (0..1_000).map(|_| records.next_record().to_string()).collect::<Vec<_>>()
        };
        let all = texts(1);
        assert_eq!(all, texts(1));
        assert_ne!(all, texts(2));
        let mean = all.iter().map(String::len).sum::<usize>() / all.len();
        assert!((1_200..2_200).contains(&mean), "{mean} bytes a record");
    }
}
